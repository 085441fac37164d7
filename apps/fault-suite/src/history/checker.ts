/** Judges a whole history after the run. The same history always gets the same verdict. */
import type { Operation } from './operation.ts';
import { lateReads, relapses, type SetBack, withoutLost } from './set-back.ts';

export interface Violation {
  readonly invariant: 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I8';
  readonly text: string;
  /** The operations that contradict each other. */
  readonly operations: readonly Operation[];
}

export interface Judgement {
  readonly bound_ms: number;
  /** By key: the version of the row or tombstone that Postgres holds at the end. */
  readonly final: ReadonlyMap<string, number>;
  /** The share of the reads that must succeed. */
  readonly readsThatSucceed: number;
  /** The times that Postgres went back, in order. */
  readonly setBacks?: readonly SetBack[];
}

/**
 * A version that Postgres lost in a failover or a restore is judged twice. Before the loss, it counts like every other version: no
 * reader may go back from it. After the loss, a reader may show it only until it has followed Postgres.
 */
export function check(whole: readonly Operation[], judgement: Judgement): Violation[] {
  const { setBacks = [] } = judgement;
  const violations = lateReads(whole, setBacks).map((read): Violation => ({
    invariant: 'I6',
    text: `${read.process} answered ${read.key} with ${version(read)}, which Postgres had lost more than 10 s before`,
    operations: [read],
  }));
  for (const [followed, read] of relapses(whole, setBacks))
    violations.push({
      invariant: 'I2',
      text: `${read.process} answered ${read.key} with ${version(followed)}, then with ${version(read)}, which Postgres had lost`,
      operations: [followed, read],
    });
  let from_ms = Number.NEGATIVE_INFINITY;
  for (const [index, { at_ms }] of setBacks.entries()) {
    // Until the readers have followed, they may show what an earlier failover has lost.
    const before = withoutLost(whole, setBacks.slice(0, index)).filter(
      ({ kind, outcome, start_ms, end_ms }) =>
        kind === 'read' && outcome === 'ok' && start_ms > from_ms && end_ms <= at_ms,
    );
    for (const own of groups(before, (read) => `${read.process} ${read.key}`))
      violations.push(...versionsThatGoBack(own));
    from_ms = at_ms;
  }
  const history = withoutLost(whole, setBacks);
  const reads = history.filter(({ kind }) => kind === 'read');
  const answered = reads.filter((read) => read.outcome === 'ok');
  const changes = history.filter(({ kind, outcome }) => kind !== 'read' && outcome === 'ok');
  for (const own of groups(answered, (read) => `${read.process} ${read.key}`))
    violations.push(...versionsThatGoBack(own));
  const roaming = answered.filter(({ alwaysSendsMinVersion }) => alwaysSendsMinVersion === true);
  for (const own of groups(roaming, ({ client, key }) => `${client} ${key}`))
    violations.push(...versionsThatGoBack(own));
  violations.push(...unmetDemands(reads));
  const readsOf = new Map(groups(answered, ({ key }) => key).map((own) => [own[0]?.key, own]));
  for (const own of groups(changes, ({ key }) => key)) {
    const key = own[0]?.key ?? '';
    violations.push(...tooOldAnswers(readsOf.get(key) ?? [], own, judgement.bound_ms));
    const last = own.reduce((newest, change) => (version(change) > version(newest) ? change : newest));
    const inPostgres = judgement.final.get(key);
    if (inPostgres === undefined || inPostgres < version(last)) {
      violations.push({
        invariant: 'I5',
        text: `version ${version(last)} of ${key} was acknowledged, Postgres ends with ${inPostgres ?? 'nothing'}`,
        operations: [last],
      });
    }
  }
  // A read that demands a version which no cache holds may fail while Postgres is down. So such reads do not count.
  const withoutMinVersion = reads.filter(({ minVersion }) => minVersion === undefined);
  const failed = withoutMinVersion.filter(({ outcome }) => outcome !== 'ok');
  const succeeded = withoutMinVersion.length === 0 ? 1 : 1 - failed.length / withoutMinVersion.length;
  if (succeeded < judgement.readsThatSucceed) {
    violations.push({
      invariant: 'I8',
      text: `${failed.length} of ${withoutMinVersion.length} reads failed (${(succeeded * 100).toFixed(2)} % succeeded)`,
      operations: failed.slice(0, 5),
    });
  }
  return violations;
}

/** How old an answer was: the time since the oldest acknowledged change that it lacks. 0 if it lacks none. */
export function staleness_ms(read: Operation, changes: readonly Operation[]): number {
  let since_ms = read.start_ms;
  for (const change of changes) {
    if (version(change) > version(read) && change.end_ms < since_ms) since_ms = change.end_ms;
  }
  return read.start_ms - since_ms;
}

/** I3: Postgres has reached every version that was acknowledged or seen, and no answer has a lower version. */
function unmetDemands(reads: readonly Operation[]): Violation[] {
  return reads.flatMap((read): Violation[] => {
    if (read.minVersion === undefined) return [];
    const isLess = read.outcome === 'ok' && version(read) < read.minVersion;
    if (!isLess && read.unreached !== true) return [];
    const answer = isLess ? `answered with ${version(read)}` : 'not reached by Postgres';
    return [{ invariant: 'I3', text: `Min-Version ${read.minVersion} was ${answer}`, operations: [read] }];
  });
}

/** I2, for the reads of one process or one client: a read that begins after another has ended has at least its version. */
function versionsThatGoBack(reads: readonly Operation[]): Violation[] {
  const violations: Violation[] = [];
  const byEnd = reads.toSorted((a, b) => a.end_ms - b.end_ms);
  let ended = 0;
  let newest: Operation | undefined;
  for (const read of reads.toSorted((a, b) => a.start_ms - b.start_ms)) {
    for (let next = byEnd[ended]; next !== undefined && next.end_ms <= read.start_ms; next = byEnd[++ended]) {
      if (newest === undefined || version(next) > version(newest)) newest = next;
    }
    if (newest !== undefined && version(read) < version(newest)) {
      violations.push({
        invariant: 'I2',
        text: `${newest.process} answered ${read.key} with ${version(newest)}, then ${read.process} with ${version(read)}`,
        operations: [newest, read],
      });
    }
  }
  return violations;
}

/** I6: an answer that is not marked stale includes every change older than the bound. It is I4 when the change is a delete. */
function tooOldAnswers(
  reads: readonly Operation[],
  changes: readonly Operation[],
  bound_ms: number,
): Violation[] {
  const violations: Violation[] = [];
  const byEnd = changes.toSorted((a, b) => a.end_ms - b.end_ms);
  let seen = 0;
  let newest: Operation | undefined;
  for (const read of reads.toSorted((a, b) => a.start_ms - b.start_ms)) {
    for (
      let next = byEnd[seen];
      next !== undefined && next.end_ms <= read.start_ms - bound_ms;
      next = byEnd[++seen]
    ) {
      if (newest === undefined || version(next) > version(newest)) newest = next;
    }
    if (newest === undefined || read.stale === true || version(read) >= version(newest)) continue;
    const behind_ms = Math.round(read.start_ms - newest.end_ms);
    violations.push({
      invariant: newest.kind === 'delete' && read.present === true ? 'I4' : 'I6',
      text: `${read.process} answered ${read.key} with ${version(read)}, ${behind_ms} ms after ${version(newest)} was acknowledged`,
      operations: [newest, read],
    });
  }
  return violations;
}

const version = (operation: Operation): number => operation.version ?? 0;

function groups(operations: readonly Operation[], by: (operation: Operation) => string): Operation[][] {
  return [...Map.groupBy(operations, by).values()];
}
