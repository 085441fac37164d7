import type { Model, VisitStep } from '@catalog/testing/model-search';
import type { Transition } from './entry-protocol.ts';
import { EntryTable, type Incarnation, NOTHING, type Row } from './entry-table.ts';
import { ReaderCodes, type ReaderState } from './reader-codes.ts';
import { type EntryModelState, EntryStateCodes } from './state-codes.ts';

export interface EntryModelOptions {
  readonly transition: Transition;
  /** The versions of the row, in order. The model commits one after another, at any moment. */
  readonly history: readonly Row[];
  /** The process of each reader, such as [0, 0, 1]. */
  readonly readers: readonly number[];
  /**
   * `across-processes`: a read that begins after another read has answered, in any process, never answers with less.
   * The scripts ensure this alone, as long as every answer passes through `fill` in one incarnation.
   * `per-process`: the versions that one process serves never go back. This is rule 1. It holds even when fills are
   * lost or a process has not noticed a new incarnation, but only with the help of MonotonicReads.
   */
  readonly order: 'across-processes' | 'per-process';
  /** Whether processes remember the versions that they have served (MonotonicReads). */
  readonly remembersServed?: boolean;
  /** Adds changes of incarnation, readers that have not noticed them, and lost fills or answers. */
  readonly withFaults?: boolean;
  /** A layout that the design rejects: Redis keeps floor and lease in two keys and may evict the floor alone. */
  readonly floorMayBeLost?: boolean;
  /** Entries without an order of versions, such as those by SKU, promise only rule 2. */
  readonly onlyRule2?: boolean;
}

type State = EntryModelState;
type Visit = VisitStep<State>;

/**
 * Every event that can happen to one key, in every order: readers ask, wait, read Postgres with a lease or without,
 * fill and give up; changes are committed, and applied in any order; Redis evicts the key; leases expire; the soft TTL
 * passes; the incarnation changes. Each event may happen any number of times, yet the states are finite.
 *
 * The rules are judged by the truth, not by versions: a live entry's payload is its position in history.
 */
export class EntryModel implements Model<State> {
  readonly initial: State;
  readonly codec: EntryStateCodes;
  readonly #options: EntryModelOptions;
  readonly #table: EntryTable;
  readonly #readerCodes: ReaderCodes;

  constructor(options: EntryModelOptions) {
    this.#options = options;
    this.#table = new EntryTable(options.transition, options.history);
    this.#readerCodes = new ReaderCodes(options.history.length);
    const processes = options.order === 'across-processes' ? 1 : Math.max(...options.readers) + 1;
    this.initial = {
      entry: NOTHING,
      holder: 0,
      committed: 0,
      applied: 0,
      served: Array.from({ length: processes }, () => 0),
      readers: options.readers.map(() => this.#readerCodes.of('idle')),
      wentBack: 0,
    };
    this.codec = new EntryStateCodes(options.readers, processes);
  }

  violation(state: State): string | undefined {
    if (state.wentBack === 1 && this.#options.onlyRule2 !== true) {
      return 'Rule 1 is broken: a newer version was served before.';
    }
    const live = this.#table.livePosition[state.entry] ?? -1;
    if (live >= 0 && live < state.applied) {
      return `Rule 2 is broken: Redis holds ${this.#row(live)} after the worker applied ${this.#row(state.applied)}.`;
    }
    return undefined;
  }

  steps(state: State, visit: Visit): void {
    this.#storeSteps(state, visit);
    for (const [index, code] of state.readers.entries()) {
      const reader = this.#readerCodes.at(code);
      switch (reader.phase) {
        case 'idle':
          this.#ask(state, index, reader, visit);
          visit(this.#withReader(state, index, 'asking', 'current', this.#mustReach(state, index)), () =>
            line(index, 'begins a read that skips the cache'),
          );
          break;
        case 'asking':
          if (state.holder !== index + 1) this.#ask(state, index, reader, visit);
          this.#load(state, index, 'loaded', reader, visit);
          break;
        case 'refreshing':
          this.#load(state, index, 'refreshed', reader, visit);
          break;
        case 'loaded':
        case 'refreshed':
          this.#fill(state, index, reader, visit);
          break;
      }
    }
  }

  #storeSteps(state: State, visit: Visit): void {
    const { entry, holder, committed, applied } = state;
    const table = this.#table;
    if (committed + 1 < this.#options.history.length) {
      visit({ ...state, committed: committed + 1 }, () => `Postgres commits ${this.#row(committed + 1)}`);
    }
    for (let change = 1; change <= committed; change++) {
      const next = table.invalidate(entry, change).entry;
      const to = { ...state, ...this.#put(next, holder), applied: Math.max(applied, change) };
      visit(to, () => `the worker applies ${this.#row(change)}`);
    }
    if (entry === NOTHING) return;
    const put = (next: number, event: string) => visit({ ...state, ...this.#put(next, holder) }, () => event);
    put(NOTHING, 'Redis evicts the key');
    put(table.expireLease(entry), 'the lease expires');
    put(table.age(entry), 'time passes: the entry is due for a refresh, or past its soft TTL');
    if (this.#options.floorMayBeLost === true) put(table.loseFloor(entry), 'Redis evicts the floor');
    if (this.#options.withFaults !== true) return;
    const readers = state.readers.map((code) => {
      const { phase, position } = this.#readerCodes.at(code);
      return phase === 'idle' ? code : this.#readerCodes.of(phase, 'former', position);
    });
    visit(
      { ...state, ...this.#put(table.inherit(entry), holder), readers },
      () => 'a new incarnation begins; Redis still holds the entry of the former one',
    );
  }

  #ask(state: State, index: number, reader: ReaderState, visit: Visit): void {
    const incarnations: readonly Incarnation[] =
      this.#options.withFaults === true ? ['current', 'former'] : ['current'];
    for (const incarnation of incarnations) {
      const { entry, granted, shown } = this.#table.read(state.entry, incarnation);
      const mustReach = reader.phase === 'asking' ? reader.position : this.#mustReach(state, index);
      const asked = { ...state, ...this.#put(entry, granted ? index + 1 : state.holder) };
      const reads = incarnation === 'current' ? 'reads Redis' : 'reads Redis under the former incarnation';
      const lease = granted ? 'with the lease' : 'without a lease';
      if (shown >= 0 && !this.#isOvertaken(state, index, shown)) {
        const phase = granted ? 'refreshing' : 'idle';
        const to = this.#withReader(asked, index, phase, incarnation);
        visit(this.#serve(to, index, shown, mustReach), () =>
          line(index, `${reads}: hit, ${lease}; answers ${this.#row(shown)}`),
        );
      } else {
        visit(this.#withReader(asked, index, 'asking', incarnation, mustReach), () =>
          line(index, `${reads}: miss, ${lease}`),
        );
      }
    }
  }

  #load(
    state: State,
    index: number,
    phase: 'loaded' | 'refreshed',
    { incarnation }: ReaderState,
    visit: Visit,
  ): void {
    visit(this.#withReader(state, index, phase, incarnation, state.committed), () =>
      line(index, `reads Postgres: ${this.#row(state.committed)}`),
    );
    visit(this.#withReader(state, index, 'idle'), () => line(index, 'gives up'));
  }

  #fill(state: State, index: number, { phase, incarnation, position }: ReaderState, visit: Visit): void {
    const fill = this.#table.fill(state.entry, position, state.holder === index + 1, incarnation);
    const filled = { ...state, ...this.#put(fill.entry, state.holder) };
    const end = (from: State, answer: number, event: string) => {
      if (phase === 'refreshed') {
        visit(this.#withReader(from, index, 'idle'), () => line(index, event));
      } else if (this.#isOvertaken(state, index, answer)) {
        const holder = from.holder === index + 1 ? 0 : from.holder;
        const again = this.#withReader({ ...from, holder }, index, 'asking', incarnation, 0);
        visit(again, () =>
          line(index, `${event}; its process has served something newer, so it reads again`),
        );
      } else {
        // A row read from Postgres is never older than what was served before the read began.
        const served = this.#serve(this.#withReader(from, index, 'idle'), index, answer, 0);
        visit(served, () => line(index, `${event}; answers ${this.#row(answer)}`));
      }
    };
    const outcome = fill.stored ? 'stored' : 'refused';
    const answer = fill.stored || fill.shown < 0 ? position : fill.shown;
    end(filled, answer, `fills ${this.#row(position)}: ${outcome}`);
    if (this.#options.withFaults !== true) return;
    end(state, position, `cannot reach Redis to fill ${this.#row(position)}`);
    end(filled, position, `fills ${this.#row(position)}: ${outcome}, but the answer is lost`);
  }

  #serve(state: State, index: number, answer: number, mustReach: number): State {
    const process = this.#processOf(index);
    const before = state.served[process] ?? 0;
    const least = this.#options.order === 'across-processes' ? mustReach : before;
    if (answer < least) return { ...state, wentBack: 1 };
    if (answer <= before) return state;
    return { ...state, served: state.served.with(process, answer) };
  }

  #isOvertaken(state: State, index: number, answer: number): boolean {
    return this.#options.remembersServed === true && answer < (state.served[this.#processOf(index)] ?? 0);
  }

  #processOf(index: number): number {
    return this.#options.order === 'across-processes' ? 0 : (this.#options.readers[index] ?? 0);
  }

  /** The order across processes: the position that a read beginning now must reach. */
  #mustReach(state: State, index: number): number {
    return this.#options.order === 'across-processes' ? (state.served[this.#processOf(index)] ?? 0) : 0;
  }

  #put(entry: number, holder: number): Pick<State, 'entry' | 'holder'> {
    return { entry, holder: this.#table.leased[entry] === true ? holder : 0 };
  }

  #withReader(
    state: State,
    index: number,
    phase: ReaderState['phase'],
    incarnation: Incarnation = 'current',
    position = 0,
  ): State {
    const code = this.#readerCodes.of(phase, incarnation, position);
    // The lease of a reader that has finished belongs to nobody until it expires.
    const holder = phase === 'idle' && state.holder === index + 1 ? 0 : state.holder;
    return { ...state, holder, readers: state.readers.with(index, code) };
  }

  #row(position: number): string {
    const row = this.#options.history[position];
    return `${row?.state === 'M' ? 'tombstone' : 'value'} ${position} (version ${row?.version})`;
  }
}

const line = (index: number, event: string) => `reader ${index + 1} ${event}`;
