import { EntryTable, NOTHING, type Life, type Row } from './entry-table.ts';
import type { Transition } from './entry-protocol.ts';
import { ReaderCodes, type ReaderState } from './reader-codes.ts';
import type { StateCode, System } from './state-search.ts';

export interface WalkOptions {
  readonly transition: Transition;
  /** What the key's row is, was and becomes; the walk commits one after the other, at any moment. */
  readonly history: readonly Row[];
  /** The process of each reader, such as [0, 0, 1]. */
  readonly readers: readonly number[];
  /**
   * `over-readers`: a read that begins after another has answered, in whatever process, never answers less.
   * The scripts give this by themselves, as long as every answer has passed through `fill` in the same life.
   * `per-process`: what a process serves never goes back, in the order in which it is served. This is rule 1;
   * it holds even where fills are lost, or a process has not noticed another life, and takes MonotonicReads.
   */
  readonly rule: 'over-readers' | 'per-process';
  /** Whether processes remember what they have served (MonotonicReads). */
  readonly guarded?: boolean;
  /** Changes of incarnation, readers that have not noticed them, and fills or answers that are lost. */
  readonly livesAndLosses?: boolean;
  /** A layout that the design refuses: floor and lease in two keys, of which one may be evicted. */
  readonly floorMayBeLost?: boolean;
  /** Entries without an order, such as those by SKU, promise rule 2 alone. */
  readonly onlyRule2?: boolean;
}

interface State {
  readonly entry: number;
  /** The reader with the lease, from 1; 0 is nobody, or one that is gone. */
  readonly holder: number;
  readonly committed: number;
  /** The last change that was applied, in any life. */
  readonly applied: number;
  /** Per process, the highest position that was served. */
  readonly served: readonly number[];
  readonly readers: readonly number[];
  readonly wentBack: 0 | 1;
}

/** One step, and how to tell it. */
type Visit = (to: State, words: () => string) => void;

const ENTRIES = 4_096;

/**
 * Everything that can happen to one key, in every order: readers asking, waiting, reading Postgres with a lease or
 * without, filling, giving up; changes committed, and applied in any order; the key evicted or flushed; leases
 * expiring; the soft TTL passing; another incarnation. Nothing is counted: each may happen any number of times, and
 * readers read as often as they like. There are still finitely many states.
 *
 * The rules are judged by the truth: a live entry bears the position in history that it was read at.
 */
export class Walk implements System {
  readonly #options: WalkOptions;
  readonly #table: EntryTable;
  readonly #codes: ReaderCodes;
  readonly #first: State;

  constructor(options: WalkOptions) {
    this.#options = options;
    this.#table = new EntryTable(options.transition, options.history);
    this.#codes = new ReaderCodes(options.history.length);
    const processes = options.rule === 'over-readers' ? 1 : Math.max(...options.readers) + 1;
    this.#first = {
      entry: NOTHING,
      holder: 0,
      committed: 0,
      applied: 0,
      served: Array.from({ length: processes }, () => 0),
      readers: options.readers.map(() => this.#codes.of('idle')),
      wentBack: 0,
    };
  }

  get initial(): StateCode {
    return this.#encode(this.#first);
  }

  successors(from: StateCode, visit: (to: StateCode) => void): void {
    this.#step(this.#decode(from), (to) => visit(this.#encode(to)));
  }

  violation(code: StateCode): string | undefined {
    const state = this.#decode(code);
    if (state.wentBack === 1 && this.#options.onlyRule2 !== true) {
      return 'Rule 1 is broken: something newer had been served before.';
    }
    const live = this.#table.livePosition[state.entry] ?? -1;
    if (live >= 0 && live < state.applied) {
      return `Rule 2 is broken: Redis holds ${this.#row(live)}, though ${this.#row(state.applied)} has been applied.`;
    }
    return undefined;
  }

  /** Codes do not tell readers of one process apart; here each keeps its number from line to line. */
  story(path: readonly StateCode[]): string[] {
    const lines: string[] = [];
    let state = this.#first;
    for (const code of path.slice(1)) {
      let next: State | undefined;
      this.#step(state, (to, words) => {
        if (next !== undefined || this.#encode(to) !== code) return;
        next = to;
        lines.push(words());
      });
      if (next === undefined) throw new Error('the path is no schedule');
      state = next;
    }
    return [...lines, this.violation(this.#encode(state)) ?? ''];
  }

  #step(state: State, visit: Visit): void {
    this.#stores(state, visit);
    for (const [index, code] of state.readers.entries()) {
      const reader = this.#codes.at(code);
      switch (reader.phase) {
        case 'idle':
          this.#asks(state, index, reader, visit);
          visit(this.#with(state, index, 'asking', 'now', this.#note(state, index)), () =>
            tell(index, 'wants to read past the caches'),
          );
          break;
        case 'asking':
          if (state.holder !== index + 1) this.#asks(state, index, reader, visit);
          this.#loads(state, index, 'loaded', reader, visit);
          break;
        case 'refreshing':
          this.#loads(state, index, 'refreshed', reader, visit);
          break;
        case 'loaded':
        case 'refreshed':
          this.#fills(state, index, reader, visit);
          break;
      }
    }
  }

  #stores(state: State, visit: Visit): void {
    const { entry, holder, committed, applied } = state;
    const table = this.#table;
    if (committed + 1 < this.#options.history.length) {
      visit({ ...state, committed: committed + 1 }, () => `${this.#row(committed + 1)} is committed`);
    }
    for (let change = 1; change <= committed; change++) {
      const next = table.invalidate(entry, change).entry;
      const to = { ...state, ...this.#put(next, holder), applied: Math.max(applied, change) };
      visit(to, () => `${this.#row(change)} is applied`);
    }
    if (entry === NOTHING) return;
    const put = (next: number, words: string) => visit({ ...state, ...this.#put(next, holder) }, () => words);
    put(NOTHING, 'the key is evicted, or Redis is flushed');
    put(table.expireLease(entry), 'the lease expires');
    put(table.age(entry), 'time passes: the entry is due for a refresh, or past its soft TTL');
    if (this.#options.floorMayBeLost === true) put(table.loseFloor(entry), 'the floor is evicted');
    if (this.#options.livesAndLosses !== true) return;
    const readers = state.readers.map((code) => {
      const { phase, position } = this.#codes.at(code);
      return phase === 'idle' ? code : this.#codes.of(phase, 'former', position);
    });
    visit(
      { ...state, ...this.#put(table.inherit(entry), holder), readers },
      () => 'the stores begin another life, in which what Redis holds is inherited',
    );
  }

  #asks(state: State, index: number, reader: ReaderState, visit: Visit): void {
    const lives: readonly Life[] = this.#options.livesAndLosses === true ? ['now', 'former'] : ['now'];
    for (const life of lives) {
      const { entry, granted, shown } = this.#table.read(state.entry, life);
      const note = reader.phase === 'asking' ? reader.position : this.#note(state, index);
      const asked = { ...state, ...this.#put(entry, granted ? index + 1 : state.holder) };
      const who = life === 'now' ? 'asks' : 'has not noticed the new life, and asks';
      const lease = granted ? ' and gets the lease' : '';
      if (shown >= 0 && !this.#isOvertaken(state, index, shown)) {
        const phase = granted ? 'refreshing' : 'idle';
        const served = this.#serve(this.#with(asked, index, phase, life), index, shown, note);
        visit(served, () => tell(index, `${who}: is served ${this.#row(shown)}${lease}`));
      } else {
        const to = this.#with(asked, index, 'asking', life, note);
        visit(to, () => tell(index, `${who}: there is nothing to serve${lease || ', and no lease'}`));
      }
    }
  }

  #loads(state: State, index: number, phase: 'loaded' | 'refreshed', { life }: ReaderState, visit: Visit) {
    visit(this.#with(state, index, phase, life, state.committed), () =>
      tell(index, `reads Postgres: ${this.#row(state.committed)}`),
    );
    visit(this.#with(state, index, 'idle'), () => tell(index, 'gives up'));
  }

  #fills(state: State, index: number, reader: ReaderState, visit: Visit): void {
    const { phase, life, position } = reader;
    const fill = this.#table.fill(state.entry, position, state.holder === index + 1, life);
    const filled = { ...state, ...this.#put(fill.entry, state.holder) };
    const ends = (from: State, answer: number, words: string) => {
      if (phase === 'refreshed') {
        visit(this.#with(from, index, 'idle'), () => tell(index, words));
      } else if (this.#isOvertaken(state, index, answer)) {
        const again = this.#with(
          { ...from, holder: from.holder === index + 1 ? 0 : from.holder },
          index,
          'asking',
          life,
          0,
        );
        visit(again, () => tell(index, `${words}; something newer was served meanwhile: reads again`));
      } else {
        // What was read from Postgres is never older than what had been served when the read began.
        const served = this.#serve(this.#with(from, index, 'idle'), index, answer, 0);
        visit(served, () => tell(index, `${words}, and answers ${this.#row(answer)}`));
      }
    };
    const outcome = fill.stored ? 'stored' : 'refused';
    const answer = fill.stored || fill.shown < 0 ? position : fill.shown;
    ends(filled, answer, `fills ${this.#row(position)}: ${outcome}`);
    if (this.#options.livesAndLosses !== true) return;
    ends(state, position, `cannot reach Redis to fill ${this.#row(position)}`);
    ends(filled, position, `fills ${this.#row(position)}, ${outcome}, but hears no answer`);
  }

  #serve(state: State, index: number, answer: number, note: number): State {
    const process = this.#processOf(index);
    const before = state.served[process] ?? 0;
    const least = this.#options.rule === 'over-readers' ? note : before;
    if (answer < least) return { ...state, wentBack: 1 };
    if (answer <= before) return state;
    return { ...state, served: state.served.with(process, answer) };
  }

  #isOvertaken(state: State, index: number, answer: number): boolean {
    return this.#options.guarded === true && answer < (state.served[this.#processOf(index)] ?? 0);
  }

  #processOf(index: number): number {
    return this.#options.rule === 'over-readers' ? 0 : (this.#options.readers[index] ?? 0);
  }

  /** What the rule over readers remembers of the moment in which a read begins. */
  #note(state: State, index: number): number {
    return this.#options.rule === 'over-readers' ? (state.served[this.#processOf(index)] ?? 0) : 0;
  }

  #put(entry: number, holder: number): Pick<State, 'entry' | 'holder'> {
    return { entry, holder: this.#table.leased[entry] === true ? holder : 0 };
  }

  #with(state: State, index: number, phase: ReaderState['phase'], life: Life = 'now', position = 0): State {
    const code = this.#codes.of(phase, life, position);
    // A lease whose reader has come to its end belongs to nobody, until it expires.
    const holder = phase === 'idle' && state.holder === index + 1 ? 0 : state.holder;
    return { ...state, holder, readers: state.readers.with(index, code) };
  }

  #row(position: number): string {
    const row = this.#options.history[position];
    const what = row?.state === 'M' ? 'absence' : 'value';
    return `${what} ${position} (version ${row?.version})`;
  }

  #encode(state: State): StateCode {
    const { readers, served } = state;
    const places = this.#places(state);
    let code = state.wentBack;
    for (const digit of [state.committed, state.applied, ...served]) code = code * POSITIONS + digit;
    for (const place of places) code = code * READERS + (readers[place] ?? 0);
    const holder = state.holder === 0 ? 0 : places.indexOf(state.holder - 1) + 1;
    return (code * HOLDERS + holder) * ENTRIES + state.entry;
  }

  /** The readers of each process in order: they differ in nothing but their number, so their order is no state. */
  #places({ readers, holder }: State): number[] {
    const processes = this.#options.readers;
    const places = readers.map((_, index) => index);
    const rank = (index: number) => {
      const process = processes[index] ?? 0;
      return process * 1_000 + (readers[index] ?? 0) * 2 + (holder === index + 1 ? 1 : 0);
    };
    return places.sort((a, b) => rank(a) - rank(b));
  }

  #decode(code: StateCode): State {
    let rest = code;
    const take = (radix: number) => {
      const digit = rest % radix;
      rest = (rest - digit) / radix;
      return digit;
    };
    const entry = take(ENTRIES);
    const holder = take(HOLDERS);
    const readers = this.#first.readers.map(() => take(READERS)).toReversed();
    const served = this.#first.served.map(() => take(POSITIONS)).toReversed();
    const applied = take(POSITIONS);
    const committed = take(POSITIONS);
    return { entry, holder, committed, applied, served, readers, wentBack: rest === 1 ? 1 : 0 };
  }
}

const POSITIONS = 8;
const READERS = 64;
const HOLDERS = 8;

const tell = (index: number, words: string) => `reader ${index + 1} ${words}`;
