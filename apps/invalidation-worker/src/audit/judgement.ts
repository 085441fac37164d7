import { isDeepStrictEqual } from 'node:util';
import type { Loaded, StoredEntry } from '@catalog/cache';

/** How a cached entry differs from what Postgres holds. */
export type Difference = 'older' | 'newer' | 'other';

/**
 * Compares an entry with what Postgres answered afterwards, in this order: a reader fills only what is committed, so
 * that an entry is never rightly ahead of a later read of Postgres.
 *
 * @returns undefined where they agree
 */
export function differenceOf(
  entry: Pick<StoredEntry, 'state' | 'version' | 'payload'>,
  loaded: Loaded,
): Difference | undefined {
  const isMissing = entry.state === 'missing';
  // Nobody sees the version of what is not there; a tombstone may have been cleared away meanwhile.
  if (isMissing && loaded.payload === null) return undefined;
  if (entry.version < loaded.version) return 'older';
  if (entry.version > loaded.version) return 'newer';
  if (isMissing || loaded.payload === null) return 'other';
  return isSameContent(entry.payload, loaded.payload) ? undefined : 'other';
}

function isSameContent(cached: Buffer, loaded: Buffer): boolean {
  if (cached.equals(loaded)) return true;
  try {
    return isDeepStrictEqual(JSON.parse(cached.toString()), JSON.parse(loaded.toString()));
  } catch {
    return false;
  }
}

/** The looks at one key, before and after the grace. */
export interface TwoLooks {
  readonly first: { readonly entry: StoredEntry; readonly loaded: Loaded };
  readonly second: { readonly entry: StoredEntry; readonly loaded: Loaded };
}

/**
 * Whether an entry that differed at both looks is wrong, when everything committed before the first look has been
 * applied since: it is unless it differs on account of a later change.
 */
export function isWrong({ first, second }: TwoLooks): boolean {
  const isSameEntry =
    second.entry.storedAt_ms === first.entry.storedAt_ms && second.entry.version === first.entry.version;
  return (
    isSameEntry || second.entry.version < first.loaded.version || second.entry.version > second.loaded.version
  );
}
