import type { StateCode, StateCodec } from '@catalog/testing/model-search';

export interface EntryModelState {
  /** A number of EntryTable. */
  readonly entry: number;
  /** The reader that holds the lease, counted from 1; 0 if nobody holds it, or its reader is gone. */
  readonly holder: number;
  readonly committed: number;
  /** The newest change that was applied, in any incarnation. */
  readonly applied: number;
  /** For each process, the highest position that it has served. */
  readonly served: readonly number[];
  /** A number of ReaderCodes for each reader. */
  readonly readers: readonly number[];
  readonly wentBack: 0 | 1;
}

/** Each digit stays below its limit. Four readers of one process need 49 of the 53 bits. */
const ENTRIES = 4_096;
const POSITIONS = 8;
const READERS = 64;
const HOLDERS = 8;

/** Packs a state of EntryModel into one number. */
export class EntryStateCodes implements StateCodec<EntryModelState> {
  readonly #processOfReader: readonly number[];
  readonly #processes: number;

  constructor(processOfReader: readonly number[], processes: number) {
    this.#processOfReader = processOfReader;
    this.#processes = processes;
  }

  encode(state: EntryModelState): StateCode {
    const { readers, served } = state;
    const places = this.#places(state);
    let code: number = state.wentBack;
    for (const digit of [state.committed, state.applied, ...served]) code = code * POSITIONS + digit;
    for (const place of places) code = code * READERS + (readers[place] ?? 0);
    const holder = state.holder === 0 ? 0 : places.indexOf(state.holder - 1) + 1;
    return (code * HOLDERS + holder) * ENTRIES + state.entry;
  }

  decode(code: StateCode): EntryModelState {
    let rest = code;
    const take = (radix: number) => {
      const digit = rest % radix;
      rest = (rest - digit) / radix;
      return digit;
    };
    const takeMany = (count: number, radix: number) =>
      Array.from({ length: count }, () => take(radix)).toReversed();
    const entry = take(ENTRIES);
    const holder = take(HOLDERS);
    const readers = takeMany(this.#processOfReader.length, READERS);
    const served = takeMany(this.#processes, POSITIONS);
    const applied = take(POSITIONS);
    const committed = take(POSITIONS);
    return { entry, holder, committed, applied, served, readers, wentBack: rest === 1 ? 1 : 0 };
  }

  /** Sorts the readers of each process: only their numbers differ, so their order makes no other state. */
  #places({ readers, holder }: EntryModelState): number[] {
    const places = readers.map((_, index) => index);
    const rank = (index: number) => {
      const process = this.#processOfReader[index] ?? 0;
      return process * 1_000 + (readers[index] ?? 0) * 2 + (holder === index + 1 ? 1 : 0);
    };
    return places.sort((a, b) => rank(a) - rank(b));
  }
}
