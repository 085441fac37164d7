/**
 * The change slot, as the triggers, `lander.ts` and the looks of the worker use it. Each transaction asks for the source, writes
 * one change there and commits. Operators switch the source. The slot is lost. Postgres crashes and loses what was not on disk.
 *
 * Two rules. If neither source has a committed change, the cache is purged. A look counts only when every change that was committed
 * before it is in the outbox, or the cache was purged after that change.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

type Source = 'outbox' | 'slot';

interface Transaction {
  readonly at: 'not begun' | 'open' | 'ended';
  /** The answer that it got when it asked. */
  readonly source: Source | null;
  /**
   * Its committed change. `landed`: in the outbox, but not on the disk, and the slot still has it. `in doubt`: the same, but the
   * slot does not have it any more.
   */
  readonly change: 'none' | 'in the slot' | 'landed' | 'in doubt' | 'in the outbox' | 'lost';
  /** Whether the cache was purged after the commit. */
  readonly isPurged: boolean;
}

interface State {
  readonly transactions: readonly Transaction[];
  readonly source: Source;
  readonly wanted: Source;
  readonly exists: boolean;
  readonly inUse: boolean;
  /** The slot is known to be lost, so no look uses it. */
  readonly isLost: boolean;
  /**
   * Whether the cache was purged after the slot was created again. The lander holds the slot during the purge, so nobody can
   * replace it, and the purge counts for this slot alone.
   */
  readonly isPurged: boolean;
  /** The transactions that were open after the triggers had turned to the outbox. They may still write to the slot. */
  readonly oldWriters: readonly number[] | null;
  /** The changes before the last milestone. */
  readonly lastMilestone: readonly number[] | null;
  /** The changes committed before a look, the changes before its milestone, and whether that milestone has landed once. */
  readonly look: {
    readonly committed: readonly number[];
    readonly milestone: readonly number[];
    readonly hasCounted: boolean;
  } | null;
  readonly lookWasWrong: boolean;
  /** How often each event may still happen. */
  readonly switches: number;
  readonly losses: number;
  readonly crashes: number;
}

export interface ChangeSlotOptions {
  readonly transactions: number;
  readonly switches: number;
  readonly losses: number;
  readonly crashes: number;
  /** A control leaves out one part. It must break a rule. */
  readonly without?:
    | 'creating the slot first'
    | 'waiting for old transactions'
    | 'the flush before a confirmation'
    | 'creating the slot before the purge'
    | 'the purge'
    | 'milestones'
    | 'noticing a position that went back';
}

export const IN_NO_SOURCE = 'No source has a committed change, and the cache was not purged after it.';
export const COUNTED_TOO_EARLY =
  'A look counts, and a change that was committed before it is not in the outbox.';

export function changeSlotModel({ without, ...options }: ChangeSlotOptions): Model<State> {
  return {
    initial: {
      transactions: Array.from({ length: options.transactions }, () => ({
        at: 'not begun',
        source: null,
        change: 'none',
        isPurged: false,
      })),
      source: 'outbox',
      wanted: 'outbox',
      exists: false,
      inUse: false,
      isLost: false,
      isPurged: false,
      oldWriters: null,
      lastMilestone: null,
      look: null,
      lookWasWrong: false,
      switches: options.switches,
      losses: options.losses,
      crashes: options.crashes,
    },
    codec: numberedStates(),
    steps(state, visit) {
      transactionSteps(state, visit);
      if (state.exists && state.inUse) landSteps(state, visit);
      prepareSteps(state, visit);
      switchSteps(state, visit);
      lookSteps(state, visit);
      faultSteps(state, visit);
    },
    violation(state) {
      if (state.lookWasWrong) return COUNTED_TOO_EARLY;
      const isNoticed = state.inUse && (state.isLost || !state.exists);
      const isMissing = state.transactions.some(({ change, isPurged }) => change === 'lost' && !isPurged);
      return isMissing && !isNoticed ? IN_NO_SOURCE : undefined;
    },
  };

  function transactionSteps(state: State, visit: VisitStep<State>): void {
    const index = state.transactions.findIndex(({ at }) => at === 'not begun');
    if (index >= 0) {
      const { source } = state;
      visit(
        become(state, index, { at: 'open', source }),
        () => `transaction ${index + 1} is told: ${source}`,
      );
    }
    for (const [open, { at, source }] of state.transactions.entries()) {
      if (at !== 'open') continue;
      const intoSlot = state.exists ? 'in the slot' : 'lost';
      const change = source === 'slot' ? intoSlot : 'in the outbox';
      visit(
        become(state, open, { at: 'ended', change }),
        () => `transaction ${open + 1} commits into the ${source}`,
      );
    }
  }

  function landSteps(state: State, visit: VisitStep<State>): void {
    for (const [index, { change }] of state.transactions.entries())
      if (change === 'in the slot')
        visit(
          become(state, index, { change: 'landed' }),
          () => `the change of transaction ${index + 1} lands`,
        );
    const confirmed = without === 'the flush before a confirmation' ? 'in doubt' : 'in the outbox';
    visit(changed(state, { landed: confirmed }), () => 'the lander confirms what has landed');
  }

  /** The steps of the lander before it reads the slot. */
  function prepareSteps(state: State, visit: VisitStep<State>): void {
    const { wanted, exists, inUse, isLost } = state;
    const purged = {
      ...state,
      isPurged: true,
      transactions: state.transactions.map((each) =>
        each.change === 'none' ? each : { ...each, isPurged: true },
      ),
    };
    if (!exists && !inUse && wanted === 'slot')
      visit({ ...state, exists: true }, () => 'the lander creates the slot');
    if (exists && !inUse && wanted === 'slot')
      visit({ ...state, inUse: true }, () => 'the slot comes into use');
    if (exists && !inUse && wanted === 'outbox')
      visit(
        { ...changed(state, { 'in the slot': 'lost' }), exists: false },
        () => 'the lander deletes an unused slot',
      );
    if (inUse && !exists && !isLost)
      visit({ ...state, isLost: true, isPurged: false }, () => 'the lander notes that the slot is lost');
    if (!inUse || !isLost) return;
    const mayPurge = exists || without === 'creating the slot before the purge';
    if (mayPurge && !state.isPurged) visit(purged, () => 'the lander purges the cache');
    const mayCreate = state.isPurged || without !== 'creating the slot before the purge';
    if (!exists && mayCreate) visit({ ...state, exists: true }, () => 'the lander creates the slot anew');
    if (exists && (state.isPurged || without === 'the purge'))
      visit({ ...state, isLost: false }, () => 'looks may use the slot again');
  }

  /** The steps to the wanted source. */
  function switchSteps(state: State, visit: VisitStep<State>): void {
    const { wanted, source, exists, inUse, isLost, oldWriters, lastMilestone } = state;
    if (state.switches > 0) {
      const other = wanted === 'slot' ? 'outbox' : 'slot';
      visit({ ...state, wanted: other, switches: state.switches - 1 }, () => `operators want the ${other}`);
    }
    const mayWrite =
      wanted === 'outbox' || without === 'creating the slot first' || (exists && inUse && !isLost);
    if (wanted !== source && mayWrite)
      visit(
        { ...state, source: wanted, oldWriters: null, lastMilestone: null },
        () => `the triggers write to the ${wanted}`,
      );
    if (wanted !== 'outbox' || source !== 'outbox' || !inUse || isLost) return;
    if (exists && oldWriters === null)
      visit({ ...state, oldWriters: open(state) }, () => 'the lander notes the transactions that run');
    const oldWritersEnded =
      oldWriters !== null && oldWriters.every((index) => state.transactions[index]?.at === 'ended');
    if (
      exists &&
      lastMilestone === null &&
      (oldWritersEnded || (oldWriters !== null && without === 'waiting for old transactions'))
    )
      visit({ ...flushed(state), lastMilestone: held(state) }, () => 'the lander writes the last milestone');
    if (exists && lastMilestone !== null && areKept(state, lastMilestone)) {
      const deleted = changed(flushed(state), { 'in the slot': 'lost' });
      visit(
        { ...deleted, exists: false, inUse: false, oldWriters: null, lastMilestone: null },
        () => 'the lander deletes the slot, and it is not in use any more',
      );
    }
  }

  function lookSteps(state: State, visit: VisitStep<State>): void {
    const { inUse, isLost, look } = state;
    const committed = [...state.transactions.keys()].filter(
      (index) => state.transactions[index]?.change !== 'none',
    );
    if (!inUse || without === 'milestones')
      visit({ ...state, lookWasWrong: !areKept(state, committed) }, () => 'a look counts at once');
    if (!inUse || isLost) return;
    if (look === null || look.hasCounted) {
      visit(
        { ...flushed(state), look: { committed, milestone: held(state), hasCounted: false } },
        () => 'a look writes a milestone, which flushes what has landed',
      );
    }
    if (look === null) return;
    const mayCount = look.hasCounted && without === 'noticing a position that went back';
    if (mayCount || areKept(state, look.milestone))
      visit(
        { ...state, look: { ...look, hasCounted: true }, lookWasWrong: !areKept(state, look.committed) },
        () => 'the milestone of the look has landed, so its time counts',
      );
  }

  function faultSteps(state: State, visit: VisitStep<State>): void {
    if (state.losses > 0 && state.exists) {
      const lost = changed(state, { 'in the slot': 'lost', landed: 'in doubt' });
      visit({ ...lost, exists: false, isPurged: false, losses: state.losses - 1 }, () => 'the slot is lost');
    }
    if (state.crashes > 0) {
      const undone = changed(state, { landed: 'in the slot', 'in doubt': 'lost' });
      const transactions = undone.transactions.map((each) =>
        each.at === 'open' ? { ...each, at: 'ended' as const } : each,
      );
      visit(
        { ...undone, transactions, lastMilestone: null, crashes: state.crashes - 1 },
        () => 'Postgres crashes, and undoes what was not on the disk',
      );
    }
  }
}

function become(state: State, index: number, to: Partial<Transaction>): State {
  const transaction = { ...(state.transactions[index] as Transaction), ...to };
  return { ...state, transactions: state.transactions.with(index, transaction) };
}

function changed(state: State, to: Partial<Record<Transaction['change'], Transaction['change']>>): State {
  return {
    ...state,
    transactions: state.transactions.map((each) => ({ ...each, change: to[each.change] ?? each.change })),
  };
}

/** The effect of a milestone on landed changes: they are on the disk. */
const flushed = (state: State): State =>
  changed(state, { landed: 'in the outbox', 'in doubt': 'in the outbox' });
const open = ({ transactions }: State): number[] =>
  [...transactions.keys()].filter((index) => transactions[index]?.at === 'open');
/** The changes before a milestone. A milestone that is written while the slot is lost is reached only after a purge. */
const held = ({ transactions }: State): number[] =>
  [...transactions.keys()].filter((index) => {
    const { change, isPurged } = transactions[index] as Transaction;
    return change === 'in the slot' || (change === 'lost' && !isPurged);
  });
const areKept = ({ transactions }: State, which: readonly number[]): boolean =>
  which.every((index) => {
    const { change, isPurged } = transactions[index] as Transaction;
    return isPurged || change === 'landed' || change === 'in doubt' || change === 'in the outbox';
  });
