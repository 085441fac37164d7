/**
 * The horizon of a relay, as in `look.sql` and `catalog.outbox_ranges`: transactions draw numbers, write one change each and
 * commit in any order; workers apply them; a crash of Postgres undoes acknowledgements that were not on the disk. Looks move the
 * horizon at any moment.
 *
 * The rule: a change that is committed and not applied is within the range that the relay searches.
 */
import { type Model, numberedStates, type VisitStep } from '@catalog/testing/model-search';

interface Transaction {
  readonly at: 'not begun' | 'open' | 'committed' | 'rolled back';
  /** Of its change, for committed ones. A change in doubt is applied, and a crash may still undo that. */
  readonly change: 'unapplied' | 'in doubt' | 'applied';
}

/** All below `next` are applied, except those in `late`. */
interface Horizon {
  readonly epoch: number;
  readonly next: number;
  readonly late: readonly number[];
}

interface State {
  /** The index is the number. They begin in this order. */
  readonly transactions: readonly Transaction[];
  readonly epoch: number;
  readonly horizon: Horizon;
  readonly crashes: number;
}

export interface HorizonOptions {
  readonly transactions: number;
  readonly crashes: number;
  /** A control leaves out one part, and the rule breaks. */
  readonly without?: 'late transactions' | 'unapplied changes' | 'the epoch';
}

export const NEVER_CLAIMED = 'A committed change is not applied, and the relay does not search for it.';

export function horizonModel({ transactions, crashes, without }: HorizonOptions): Model<State> {
  return {
    initial: {
      transactions: Array.from({ length: transactions }, () => ({ at: 'not begun', change: 'unapplied' })),
      epoch: 0,
      horizon: { epoch: 0, next: 0, late: [] },
      crashes,
    },
    codec: numberedStates(),
    steps(state, visit) {
      for (const number of state.transactions.keys()) transactionSteps(state, number, visit);
      visit({ ...state, horizon: lookedAt(state) }, () => 'the relay looks');
      if (state.crashes > 0)
        visit(crashed(state), () => 'Postgres crashes, and undoes what was not on the disk');
    },
    violation: (state) =>
      state.transactions.some((each, number) => isUnapplied(each) && !isSearched(state, number))
        ? NEVER_CLAIMED
        : undefined,
  };

  function transactionSteps(state: State, number: number, visit: VisitStep<State>): void {
    const transaction = state.transactions[number] as Transaction;
    const become = (changed: Partial<Transaction>) => ({
      ...state,
      transactions: state.transactions.with(number, { ...transaction, ...changed }),
    });
    const name = `transaction ${number + 1}`;
    const isNext = state.transactions[number - 1]?.at !== 'not begun';
    if (transaction.at === 'not begun' && isNext) visit(become({ at: 'open' }), () => `${name} begins`);
    if (transaction.at === 'open') {
      visit(become({ at: 'committed' }), () => `${name} commits a change`);
      visit(become({ at: 'rolled back' }), () => `${name} rolls back`);
    }
    if (isUnapplied(transaction) && isSearched(state, number))
      visit(become({ change: 'in doubt' }), () => `the change of ${name} is claimed and applied`);
    if (transaction.change === 'in doubt')
      visit(become({ change: 'applied' }), () => `the acknowledgement of ${name} is on the disk`);
  }

  function known({ horizon, epoch }: State): Horizon {
    return horizon.epoch === epoch || without === 'the epoch' ? horizon : { epoch, next: 0, late: [] };
  }

  function isSearched(state: State, number: number): boolean {
    const { next, late } = known(state);
    return number >= next || late.includes(number);
  }

  /** The horizon that a look answers: it sees the transactions that have ended. */
  function lookedAt(state: State): Horizon {
    const { transactions: all, epoch } = state;
    const former = known(state);
    const firstNotBegun = all.findIndex(({ at }) => at === 'not begun');
    const end = firstNotBegun < 0 ? all.length : firstNotBegun;
    const found = all.findIndex((each, number) => number >= former.next && isUnapplied(each));
    const next = found < 0 || without === 'unapplied changes' ? end : found;
    const late = [...all.keys()].filter((number) => {
      const each = all[number] as Transaction;
      const wasOpen = each.at === 'open' && without !== 'late transactions';
      return number < next && (wasOpen || (former.late.includes(number) && isUnapplied(each)));
    });
    return { epoch, next, late };
  }
}

const isUnapplied = ({ at, change }: Transaction) => at === 'committed' && change === 'unapplied';

function crashed(state: State): State {
  return {
    ...state,
    crashes: state.crashes - 1,
    epoch: state.epoch + 1,
    transactions: state.transactions.map((each) => {
      if (each.at === 'open') return { ...each, at: 'rolled back' };
      return each.change === 'in doubt' ? { ...each, change: 'unapplied' } : each;
    }),
  };
}
