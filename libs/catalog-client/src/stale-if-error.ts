import { CatalogUnavailable } from './errors.ts';
import type { Kept } from './local-cache.ts';
import type { Reading } from './reading.ts';
import type { CallOptions } from './transport/deadline.ts';

export interface ReadOptions extends CallOptions {
  /** Where the catalog cannot answer, take what the local cache has if it was current this long ago. */
  readonly staleIfError_ms?: number;
  /** Called when the answer may be older than the bound: by how much. */
  readonly onStale?: (staleFor_ms: number) => void;
}

/** What the catalog says, or, where it cannot and the caller allows it, what is kept here. */
export async function readOrKept<Body>(
  read: () => Promise<Reading<Body>>,
  kept: Kept<Body> | undefined,
  { staleIfError_ms = 0, onStale }: ReadOptions,
  now: () => number,
): Promise<Body | null> {
  try {
    const { body, staleFor_ms: stale_ms } = await read();
    if (stale_ms !== undefined) onStale?.(stale_ms);
    return body;
  } catch (error) {
    const age_ms = kept === undefined ? Infinity : now() - kept.checkedAt_ms;
    if (!(error instanceof CatalogUnavailable) || kept === undefined || age_ms > staleIfError_ms) throw error;
    onStale?.(age_ms);
    return kept.body;
  }
}
