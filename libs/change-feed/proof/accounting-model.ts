/**
 * What becomes of a change, from its commit to the acknowledgement, as the statements beside `outbox.ts`, the relay and the
 * worker have it: under crashes, lost queues, doubled jobs and caches that begin another life, or go back to a former one.
 *
 * A life of the cache knows a change once its key has been invalidated in it. A change counts as applied to a life; whatever
 * happens, a change that counts as applied to the life at hand must be known in it, and once nothing more breaks, every
 * committed change comes to that.
 */
import type { Model, Step } from './search.ts';

type Life = 0 | 1;

interface Change {
  readonly committed: boolean;
  readonly claimed: boolean;
  readonly appliedTo: Life | null;
  /** By life: whether its key has been invalidated there since the commit. */
  readonly known: readonly [boolean, boolean];
}

interface Job {
  readonly change: number;
  /** The life that its key has been invalidated in, which is not acknowledged yet. */
  readonly invalidatedIn: Life | null;
}

export interface State {
  /** In the order of their numbers; they commit in any. */
  readonly changes: readonly Change[];
  /** Claimed, and not in the queue: lost with the relay. */
  readonly inHand: readonly number[];
  readonly jobs: readonly Job[];
  readonly life: Life;
  readonly registered: Life;
  /** What the worker has to do yet since it began, or found another life. */
  readonly due: 'registration' | 'replay' | 'nothing';
  /** A cursor over the numbers; only a control claims by it. */
  readonly cursor: number;
  /** How often what may break still. */
  readonly faults: {
    readonly crash: number;
    readonly queueLost: number;
    readonly doubled: number;
    readonly life: number;
  };
}

export interface Options {
  readonly changes: number;
  readonly faults: State['faults'];
  /** What must be left in for the rule to hold. */
  readonly without?:
    | 'claims by state'
    | 'invalidating first'
    | 'the incarnation in acknowledgements'
    | 'the replay'
    | 'dispatching again';
}

const mostJobs = 3;

export function accountingModel({ changes, faults, without }: Options): Model<State> {
  return {
    initial: {
      changes: Array.from({ length: changes }, () => ({
        committed: false,
        claimed: false,
        appliedTo: null,
        known: [false, false],
      })),
      inHand: [],
      jobs: [],
      life: 0,
      registered: 0,
      due: 'nothing',
      cursor: 0,
      faults,
    },
    *steps(state) {
      yield* commits(state);
      yield* work(state);
      yield* breaks(state);
    },
    violation(state) {
      if (state.changes.some(({ appliedTo, known }) => appliedTo !== null && !known[appliedTo]))
        return 'a change counts as applied to a life that does not know it';
      const end = healed(state);
      return end.changes.some(
        ({ committed, appliedTo, known }) => committed && (appliedTo !== end.life || !known[end.life]),
      )
        ? 'from here on nothing breaks, and a committed change is never applied'
        : undefined;
    },
  };

  function* commits(state: State): Iterable<Step<State>> {
    for (const [index, { committed }] of state.changes.entries())
      if (!committed)
        yield [`change ${index + 1} is committed`, withChange(state, index, { committed: true })];
  }

  /** What the worker does, whenever it gets to it. */
  function* work(state: State): Iterable<Step<State>> {
    const { due, life, inHand, jobs } = state;
    if (due === 'registration')
      yield ['the worker registers the life at hand', { ...state, registered: life, due: 'replay' }];
    if (due === 'replay') yield ['it replays what was applied to another', replayed(state)];

    for (const [index, change] of state.changes.entries()) {
      const isNext = without !== 'claims by state' || index >= state.cursor;
      if (change.committed && !change.claimed && change.appliedTo === null && isNext && inHand.length === 0) {
        const claimed = withChange(state, index, { claimed: true });
        yield [`change ${index + 1} is claimed`, { ...claimed, inHand: [index], cursor: index + 1 }];
      }
      const isOut = inHand.includes(index);
      if (change.claimed && change.appliedTo === null && !isOut && without !== 'dispatching again')
        yield [`change ${index + 1} is overdue`, withChange(state, index, { claimed: false })];
    }
    if (inHand.length > 0 && jobs.length + inHand.length <= mostJobs) {
      const queued = inHand.map((change) => ({ change, invalidatedIn: null }));
      yield ['what was claimed is queued', { ...state, inHand: [], jobs: [...jobs, ...queued] }];
    }

    for (const [index, job] of jobs.entries()) {
      const { known } = state.changes[job.change] as Change;
      const name = `the job of change ${job.change + 1}`;
      const acknowledgesFirst = without === 'invalidating first';
      if (job.invalidatedIn === null) {
        const invalidated = withChange(state, job.change, { known: knownIn(known, life) });
        yield acknowledgesFirst
          ? [`${name} acknowledges`, withJob(acknowledged(state, job.change, life), index, life)]
          : [`${name} invalidates`, withJob(invalidated, index, life)];
      } else if (acknowledgesFirst) {
        const invalidated = withChange(state, job.change, { known: knownIn(known, life) });
        yield [`${name} invalidates`, { ...invalidated, jobs: jobs.toSpliced(index, 1) }];
      } else {
        const done = acknowledged(state, job.change, job.invalidatedIn);
        yield [`${name} acknowledges`, { ...done, jobs: jobs.toSpliced(index, 1) }];
      }
    }
  }

  function* breaks(state: State): Iterable<Step<State>> {
    const { faults: left, jobs } = state;
    const less = (fault: keyof State['faults']) => ({ ...left, [fault]: left[fault] - 1 });
    if (left.crash > 0) {
      // A job that was under way begins again, with nothing that it remembers.
      const again = jobs.map(({ change }) => ({ change, invalidatedIn: null }));
      const began = {
        ...state,
        inHand: [],
        jobs: again,
        due: 'registration' as const,
        faults: less('crash'),
      };
      yield ['the worker dies and begins again', began];
    }
    if (left.queueLost > 0 && jobs.length > 0)
      yield ['the queue is lost', { ...state, jobs: [], faults: less('queueLost') }];
    if (left.doubled > 0 && jobs.length < mostJobs)
      for (const [index, { change }] of jobs.entries())
        yield [
          `job ${index + 1} is doubled`,
          { ...state, jobs: [...jobs, { change, invalidatedIn: null }], faults: less('doubled') },
        ];
    if (left.life > 0) {
      const life = state.life === 0 ? 1 : 0;
      yield [
        `the cache is in life ${life + 1}`,
        { ...state, life, due: 'registration', faults: less('life') },
      ];
    }
  }

  function acknowledged(state: State, index: number, life: Life): State {
    const { appliedTo } = state.changes[index] as Change;
    const isAccepted = state.registered === life || without === 'the incarnation in acknowledgements';
    return isAccepted && appliedTo === null ? withChange(state, index, { appliedTo: life }) : state;
  }

  function replayed(state: State): State {
    const { registered } = state;
    if (without === 'the replay') return { ...state, due: 'nothing' };
    const changes = state.changes.map((change) =>
      change.appliedTo === null || change.appliedTo === registered
        ? change
        : { ...change, appliedTo: null, claimed: false },
    );
    return { ...state, changes, due: 'nothing' };
  }

  /** Where the worker gets to if nothing breaks any more, and nobody writes. */
  function healed(from: State): State {
    let state = from;
    for (let steps = 0; steps < 100; steps++) {
      const isDone = (step: Step<State>) => !step[0].endsWith('is overdue');
      const next = [...work(state)];
      // What is overdue comes last: by then all jobs have ended.
      const step = next.find(isDone) ?? next[0];
      if (step === undefined) return state;
      state = step[1];
    }
    throw new Error('the worker never comes to rest');
  }
}

function knownIn([first, second]: Change['known'], life: Life): Change['known'] {
  return life === 0 ? [true, second] : [first, true];
}

function withChange(state: State, index: number, changed: Partial<Change>): State {
  return {
    ...state,
    changes: state.changes.with(index, { ...(state.changes[index] as Change), ...changed }),
  };
}

function withJob(state: State, index: number, invalidatedIn: Life): State {
  return { ...state, jobs: state.jobs.with(index, { ...(state.jobs[index] as Job), invalidatedIn }) };
}
