/**
 * The path of a change from its commit to its acknowledgement, as in the outbox statements, the relay and the worker.
 * It includes crashes, lost queues, duplicate jobs, and caches that begin a new incarnation or go back to a former one.
 *
 * An incarnation knows a change once its key has been invalidated there. Three rules: a change that the outbox records as applied to
 * an incarnation is known there; while the registered incarnation is settled and no change is unapplied, it knows every committed
 * change, since a heartbeat may say so; and after the last fault, every committed change is applied to the current incarnation, and
 * that one is settled.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

type Incarnation = 0 | 1;

interface Change {
  readonly committed: boolean;
  readonly claimed: boolean;
  readonly appliedTo: Incarnation | null;
  /** By incarnation: whether its key has been invalidated there since the commit. */
  readonly known: readonly [boolean, boolean];
}

interface Job {
  readonly change: number;
  /** The incarnation in which its key has been invalidated, before the acknowledgement. */
  readonly invalidatedIn: Incarnation | null;
}

interface State {
  /** In the order of their numbers. They commit in any order. */
  readonly changes: readonly Change[];
  /** Claimed by the relay but not yet in the queue. A crash loses them. */
  readonly inRelay: readonly number[];
  readonly jobs: readonly Job[];
  readonly incarnation: Incarnation;
  readonly registered: Incarnation;
  /** In Postgres: whether readers may trust the registered incarnation. */
  readonly isSettled: boolean;
  /** Whether the worker has to register, since it started or found another incarnation. */
  readonly mustRegister: boolean;
  /** Whether the worker has made a pass that found no change of another incarnation, and has not noted that yet. */
  readonly hasPassed: boolean;
  /** Only one control uses it: a relay that claims by a cursor over the numbers. */
  readonly cursor: number;
  /** How often each fault may still happen. */
  readonly faults: {
    readonly crash: number;
    readonly lostQueue: number;
    readonly duplicateJob: number;
    readonly newIncarnation: number;
  };
}

export interface AccountingOptions {
  readonly changes: number;
  readonly faults: State['faults'];
  /** A control leaves out one part, and a rule breaks. */
  readonly without?:
    | 'claims by state'
    | 'invalidating first'
    | 'the incarnation in acknowledgements'
    | 'the replay'
    | 'waiting for the replay'
    | 'another pass after a registration'
    | 'dispatching again';
}

const mostJobs = 3;

export const APPLIED_BUT_NOT_KNOWN =
  'A change is recorded as applied to an incarnation that does not know it.';
export const TRUSTED_TOO_EARLY =
  'A heartbeat may say that every change is applied, and the incarnation does not know one.';
export const NEVER_APPLIED = 'Without further faults, a committed change is never applied.';
const NEVER_TRUSTED = 'Without further faults, readers never trust the incarnation.';

export function accountingModel({ changes, faults, without }: AccountingOptions): Model<State> {
  return {
    initial: {
      changes: Array.from({ length: changes }, () => ({
        committed: false,
        claimed: false,
        appliedTo: null,
        known: [false, false],
      })),
      inRelay: [],
      jobs: [],
      incarnation: 0,
      registered: 0,
      isSettled: true,
      mustRegister: false,
      hasPassed: false,
      cursor: 0,
      faults,
    },
    codec: numberedStates(),
    steps(state, visit) {
      commitSteps(state, visit);
      workSteps(state, visit);
      faultSteps(state, visit);
    },
    violation(state) {
      if (state.changes.some(({ appliedTo, known }) => appliedTo !== null && !known[appliedTo]))
        return APPLIED_BUT_NOT_KNOWN;
      const committed = state.changes.filter((change) => change.committed);
      const isApplied = committed.every(({ appliedTo }) => appliedTo !== null);
      if (state.isSettled && isApplied && committed.some(({ known }) => !known[state.registered]))
        return TRUSTED_TOO_EARLY;
      const end = atRest(state);
      const isLost = ({ committed: isCommitted, appliedTo, known }: Change) =>
        isCommitted && (appliedTo !== end.incarnation || !known[end.incarnation]);
      if (end.changes.some(isLost)) return NEVER_APPLIED;
      return end.isSettled && end.registered === end.incarnation ? undefined : NEVER_TRUSTED;
    },
  };

  function commitSteps(state: State, visit: VisitStep<State>): void {
    for (const [index, { committed }] of state.changes.entries())
      if (!committed)
        visit(withChange(state, index, { committed: true }), () => `change ${index + 1} is committed`);
  }

  /** The work of relay and worker, at any moment. */
  function workSteps(state: State, visit: VisitStep<State>): void {
    const { incarnation, inRelay, jobs } = state;
    if (state.mustRegister) visit(registered(state), () => 'the worker registers the incarnation');
    else replaySteps(state, visit);

    for (const [index, change] of state.changes.entries()) {
      const isNext = without !== 'claims by state' || index >= state.cursor;
      if (
        change.committed &&
        !change.claimed &&
        change.appliedTo === null &&
        isNext &&
        inRelay.length === 0
      ) {
        const claimed = withChange(state, index, { claimed: true });
        visit(
          { ...claimed, inRelay: [index], cursor: index + 1 },
          () => `the relay claims change ${index + 1}`,
        );
      }
      const isInRelay = inRelay.includes(index);
      if (change.claimed && change.appliedTo === null && !isInRelay && without !== 'dispatching again')
        visit(withChange(state, index, { claimed: false }), () => `change ${index + 1} ${OVERDUE}`);
    }
    if (inRelay.length > 0 && jobs.length + inRelay.length <= mostJobs) {
      const queued = inRelay.map((change) => ({ change, invalidatedIn: null }));
      visit(
        { ...state, inRelay: [], jobs: [...jobs, ...queued] },
        () => 'the relay queues the claimed change',
      );
    }

    for (const [index, job] of jobs.entries()) {
      const { known } = state.changes[job.change] as Change;
      const name = `the job of change ${job.change + 1}`;
      const acknowledgesFirst = without === 'invalidating first';
      if (job.invalidatedIn === null) {
        const invalidated = withChange(state, job.change, { known: knownIn(known, incarnation) });
        const first = acknowledgesFirst ? acknowledged(state, job.change, incarnation) : invalidated;
        visit(
          withJob(first, index, incarnation),
          () => `${name} ${acknowledgesFirst ? 'acknowledges' : 'invalidates'}`,
        );
      } else if (acknowledgesFirst) {
        const invalidated = withChange(state, job.change, { known: knownIn(known, incarnation) });
        visit({ ...invalidated, jobs: jobs.toSpliced(index, 1) }, () => `${name} invalidates`);
      } else {
        const done = acknowledged(state, job.change, job.invalidatedIn);
        visit({ ...done, jobs: jobs.toSpliced(index, 1) }, () => `${name} acknowledges`);
      }
    }
  }

  function faultSteps(state: State, visit: VisitStep<State>): void {
    const { faults: left, jobs } = state;
    const less = (fault: keyof State['faults']) => ({ ...left, [fault]: left[fault] - 1 });
    if (left.crash > 0) {
      // A running job starts again and remembers nothing.
      const again = jobs.map(({ change }) => ({ change, invalidatedIn: null }));
      const restarted = {
        ...state,
        inRelay: [],
        jobs: again,
        mustRegister: true,
        hasPassed: false,
        faults: less('crash'),
      };
      visit(restarted, () => 'the worker crashes and starts again');
    }
    if (left.lostQueue > 0 && jobs.length > 0)
      visit({ ...state, jobs: [], faults: less('lostQueue') }, () => 'the queue is lost');
    if (left.duplicateJob > 0 && jobs.length < mostJobs)
      for (const [index, { change }] of jobs.entries())
        visit(
          { ...state, jobs: [...jobs, { change, invalidatedIn: null }], faults: less('duplicateJob') },
          () => `job ${index + 1} is duplicated`,
        );
    if (left.newIncarnation > 0) {
      const incarnation = state.incarnation === 0 ? 1 : 0;
      visit(
        { ...state, incarnation, mustRegister: true, faults: less('newIncarnation') },
        () => `the cache switches to incarnation ${incarnation + 1}`,
      );
    }
  }

  function acknowledged(state: State, index: number, incarnation: Incarnation): State {
    const { appliedTo } = state.changes[index] as Change;
    const isAccepted = state.registered === incarnation || without === 'the incarnation in acknowledgements';
    return isAccepted && appliedTo === null ? withChange(state, index, { appliedTo: incarnation }) : state;
  }

  function registered(state: State): State {
    const { incarnation, hasPassed } = state;
    const isSame = state.registered === incarnation;
    return {
      ...state,
      registered: incarnation,
      isSettled: without === 'waiting for the replay' || (isSame && state.isSettled),
      mustRegister: false,
      hasPassed: hasPassed && (isSame || without === 'another pass after a registration'),
    };
  }

  function replaySteps(state: State, visit: VisitStep<State>): void {
    const { changes, registered: now, incarnation, isSettled } = state;
    if (isSettled && without !== 'waiting for the replay') return;
    const isFormer = ({ appliedTo }: Change) => appliedTo !== null && appliedTo !== now;
    for (const [index, change] of changes.entries()) {
      if (!isFormer(change) || without === 'the replay') continue;
      // If the cache has switched meanwhile, the change was invalidated elsewhere, and Postgres notes nothing.
      const appliedTo = incarnation === now ? now : change.appliedTo;
      visit(
        withChange(state, index, { known: knownIn(change.known, incarnation), appliedTo }),
        () => `the worker replays change ${index + 1}`,
      );
    }
    if (isSettled) return;
    if (!state.hasPassed && (without === 'the replay' || !changes.some(isFormer)))
      visit({ ...state, hasPassed: true }, () => 'the worker finds no change to replay');
    if (state.hasPassed)
      visit(
        { ...state, isSettled: true, hasPassed: false },
        () => 'the worker notes that the incarnation is settled',
      );
  }

  /** The state that relay and worker reach without further faults and commits. */
  function atRest(from: State): State {
    let state = from;
    for (let steps = 0; steps < 100; steps++) {
      const work: { next?: State; overdue?: State } = {};
      workSteps(state, (to, describe) => {
        if (describe().endsWith(OVERDUE)) work.overdue ??= to;
        else work.next ??= to;
      });
      // Changes become overdue last, when all jobs have ended.
      const next = work.next ?? work.overdue;
      if (next === undefined) return state;
      state = next;
    }
    throw new Error('The worker of the model never comes to rest.');
  }
}

const OVERDUE = 'is overdue: the relay may claim it again';

function knownIn([first, second]: Change['known'], incarnation: Incarnation): Change['known'] {
  return incarnation === 0 ? [true, second] : [first, true];
}

function withChange(state: State, index: number, changed: Partial<Change>): State {
  return {
    ...state,
    changes: state.changes.with(index, { ...(state.changes[index] as Change), ...changed }),
  };
}

function withJob(state: State, index: number, invalidatedIn: Incarnation): State {
  return { ...state, jobs: state.jobs.with(index, { ...(state.jobs[index] as Job), invalidatedIn }) };
}
