/** Postgres went back to an earlier state: which operations of a history it has lost, and what must still hold. */
import type { Operation } from './operation.ts';

export interface SetBack {
  /** From now on all sessions lead to the earlier state. */
  readonly at_ms: number;
  /** By key: the version of the row or tombstone in that state. A key that is not here did not exist. */
  readonly survived: ReadonlyMap<string, number>;
  /** Every version drawn from now on is at least this one. */
  readonly firstVersion: number;
}

/** Readers must follow Postgres within this time. */
export const follow_ms = 10_000;

/** Whether this version of the key was committed, and is no longer in the history of Postgres. */
function lostBy(key: string, version: number, setBacks: readonly SetBack[]): SetBack | undefined {
  return setBacks.find(
    ({ survived, firstVersion }) => version > (survived.get(key) ?? 0) && version < firstVersion,
  );
}

/** The history without the changes that Postgres has lost. A read that demands a lost version demands nothing. */
export function withoutLost(history: readonly Operation[], setBacks: readonly SetBack[]): Operation[] {
  return history.flatMap((operation): Operation[] => {
    const { key, version, minVersion } = operation;
    if (version !== undefined && lostBy(key, version, setBacks) !== undefined) return [];
    if (minVersion === undefined || lostBy(key, minVersion, setBacks) === undefined) return [operation];
    const { minVersion: _lost, unreached: _unreached, ...rest } = operation;
    return [rest];
  });
}

/** Reads that still show a lost version when every reader should have followed. Answers marked stale may show it. */
export function lateReads(history: readonly Operation[], setBacks: readonly SetBack[]): Operation[] {
  return history.filter(({ kind, key, version, stale, start_ms }) => {
    if (kind !== 'read' || version === undefined || stale === true) return false;
    const setBack = lostBy(key, version, setBacks);
    return setBack !== undefined && start_ms > setBack.at_ms + follow_ms;
  });
}

/** Reads of a lost version by a process that had already answered the key with a version drawn afterwards. */
export function relapses(
  history: readonly Operation[],
  setBacks: readonly SetBack[],
): (readonly [followed: Operation, read: Operation])[] {
  const reads = history.filter(({ kind, outcome }) => kind === 'read' && outcome === 'ok');
  return setBacks.flatMap((setBack) => {
    const followed = new Map<string, Operation>();
    for (const read of reads) {
      const own = `${read.process} ${read.key}`;
      const first = followed.get(own);
      const isNew = (read.version ?? 0) >= setBack.firstVersion;
      if (isNew && (first === undefined || read.end_ms < first.end_ms)) followed.set(own, read);
    }
    return reads.flatMap((read) => {
      const first = followed.get(`${read.process} ${read.key}`);
      if (first === undefined || read.start_ms < first.end_ms) return [];
      return lostBy(read.key, read.version ?? 0, [setBack]) === undefined ? [] : [[first, read] as const];
    });
  });
}
