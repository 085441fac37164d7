import { isDeepStrictEqual } from 'node:util';
import type { PrimaryRead, StoredEntry } from '@catalog/cache/worker';

/** How a cached entry differs from Postgres. */
export type Difference = 'older' | 'newer' | 'other';

/**
 * Compares an entry with what Postgres answered after the entry was read. Readers fill only committed values, so a right entry
 * is never ahead of a later read of Postgres.
 *
 * @returns undefined when they agree
 */
export function differenceOf(
  entry: Pick<StoredEntry, 'state' | 'version' | 'payload'>,
  inPostgres: PrimaryRead,
): Difference | undefined {
  const isMissing = entry.state === 'missing';
  // No reader sees the version of a missing key, and its tombstone may have been deleted meanwhile.
  if (isMissing && inPostgres.payload === null) return undefined;
  if (entry.version < inPostgres.version) return 'older';
  if (entry.version > inPostgres.version) return 'newer';
  if (isMissing || inPostgres.payload === null) return 'other';
  return isSameContent(entry.payload, inPostgres.payload) ? undefined : 'other';
}

export function isSameContent(cached: Buffer, loaded: Buffer): boolean {
  if (cached.equals(loaded)) return true;
  try {
    return isDeepStrictEqual(JSON.parse(cached.toString()), JSON.parse(loaded.toString()));
  } catch {
    return false;
  }
}

/** The most names of members in a report. */
const mostMembers = 20;

/** The members in which two contents differ, by name. Empty unless both are JSON objects. */
export function differingMembers(cached: Buffer, loaded: Buffer | null): string[] {
  const [one, other] = [membersOf(cached), membersOf(loaded)];
  if (one === undefined || other === undefined) return [];
  return [...new Set([...Object.keys(one), ...Object.keys(other)])]
    .filter((name) => !isDeepStrictEqual(one[name], other[name]))
    .slice(0, mostMembers);
}

function membersOf(content: Buffer | null): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(content?.toString() ?? '');
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined;
  }
}

interface Look {
  readonly entry: Pick<StoredEntry, 'version' | 'storedAt_ms'>;
  readonly inPostgres: Pick<PrimaryRead, 'version'>;
}

/**
 * Whether an entry that differed at both looks is wrong. Everything committed before the first look has been applied by the
 * second one. So the entry is wrong unless a later change explains the difference.
 */
export function isWrong({ first, second }: { readonly first: Look; readonly second: Look }): boolean {
  const isSameEntry =
    second.entry.storedAt_ms === first.entry.storedAt_ms && second.entry.version === first.entry.version;
  return (
    isSameEntry ||
    second.entry.version < first.inPostgres.version ||
    second.entry.version > second.inPostgres.version
  );
}
