import type { ReadResult } from './answers.ts';
import { catalogIsAway } from './errors.ts';
import type { CachedBody } from './local-cache.ts';
import type { CallOptions } from './transport/deadline.ts';

export interface ReadOptions extends CallOptions {
  /** When the catalog cannot answer, accept an entry of the local cache that was current at most this long ago. */
  readonly staleIfError_ms?: number;
  /** Called when the answer may be older than the bound, with the time since it was current. */
  readonly onStale?: (staleFor_ms: number) => void;
  /**
   * The `Catalog-Version` of some write. The answer shows the catalog as it was after that write, or later.
   * CatalogProblem `version_not_reached` says that the catalog does not know this version.
   */
  readonly minVersion?: number;
}

/** The answer of the catalog. When it cannot answer, the cached body, if the caller accepts its age. */
export async function readOrUseCached<Body>(
  read: () => Promise<ReadResult<Body>>,
  cached: CachedBody<Body> | undefined,
  { staleIfError_ms = 0, onStale, minVersion = 0 }: ReadOptions,
  now: () => number,
): Promise<Body | null> {
  try {
    const { body, staleFor_ms } = await read();
    if (staleFor_ms !== undefined) onStale?.(staleFor_ms);
    return body;
  } catch (error) {
    const age_ms = cached === undefined ? Infinity : now() - cached.checkedAt_ms;
    if (!catalogIsAway(error) || cached === undefined || age_ms > staleIfError_ms) throw error;
    // It may be older than the wanted write.
    if (cached.version < minVersion) throw error;
    onStale?.(age_ms);
    return cached.body;
  }
}
