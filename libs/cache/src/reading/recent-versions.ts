import { TextHash } from '@catalog/runtime';

/**
 * Remembers the highest version of each of the last keys: of `limit` keys at least, and of twice as many at most.
 *
 * It is asked for each read of Redis, mostly for a key that it does not know. A `Map` of so many texts looks for them in six places
 * all over the memory, which took a thirtieth of the time of such a read, and as much again to collect its garbage. This keeps
 * hashes of keys and versions side by side, in two tables that take turns, so no key is ever looked for to be dropped. That two keys
 * count as one is as likely as one in 10^14.
 */
export class RecentVersions {
  readonly #limit: number;
  readonly #onForgotten: (version: number) => void;
  #young: Table;
  #old: Table;
  readonly #hash = new TextHash();
  /** The key of that hash: most calls are about the same one as the call before. */
  #key = '';

  /** @param onForgotten called with the version of each key that is not remembered any more */
  constructor(limit: number, onForgotten: (version: number) => void) {
    this.#limit = limit;
    this.#onForgotten = onForgotten;
    this.#young = new Table(limit);
    this.#old = new Table(limit);
    this.#hash.of('');
  }

  get(key: string): number | undefined {
    this.#turnTo(key);
    return this.#young.get(this.#hash) ?? this.#old.get(this.#hash);
  }

  /**
   * The key is now the last one.
   *
   * @returns the version that was remembered before
   */
  raise(key: string, version: number): number | undefined {
    this.#turnTo(key);
    const young = this.#young.get(this.#hash);
    if (young !== undefined) {
      if (version > young) this.#young.set(this.#hash, version);
      return young;
    }
    const old = this.#old.get(this.#hash);
    if (old !== undefined) this.#old.delete(this.#hash);
    if (this.#young.size >= this.#limit) this.#takeTurns();
    this.#young.set(this.#hash, Math.max(old ?? 0, version));
    return old;
  }

  delete(key: string): void {
    this.#turnTo(key);
    this.#young.delete(this.#hash);
    this.#old.delete(this.#hash);
  }

  clear(): void {
    this.#young.clear();
    this.#old.clear();
  }

  #takeTurns(): void {
    const forgotten = this.#old;
    this.#old = this.#young;
    forgotten.forEachVersion(this.#onForgotten);
    forgotten.clear();
    this.#young = forgotten;
  }

  #turnTo(key: string): void {
    if (key === this.#key) return;
    this.#key = key;
    this.#hash.of(key);
  }
}

/** Open addressing with linear probing. A deleted key keeps its place, so that those behind it are found. */
class Table {
  /** Two numbers a place: the hash of a key, 0 in an empty place; and 1 more than its version, 0 once it was deleted. */
  readonly #places: Float64Array;
  readonly #mask: number;
  /** The places taken, those of deleted keys included. */
  size = 0;

  constructor(limit: number) {
    const places = 2 ** Math.ceil(Math.log2(2 * limit + 1));
    this.#places = new Float64Array(2 * places);
    this.#mask = places - 1;
  }

  get(hash: TextHash): number | undefined {
    const next = this.#places[2 * this.#find(hash) + 1] ?? 0;
    return next === 0 ? undefined : next - 1;
  }

  set(hash: TextHash, version: number): void {
    const at = 2 * this.#find(hash);
    if (this.#places[at] === 0) this.size += 1;
    this.#places[at] = hash.id;
    this.#places[at + 1] = version + 1;
  }

  delete(hash: TextHash): void {
    this.#places[2 * this.#find(hash) + 1] = 0;
  }

  clear(): void {
    if (this.size > 0) this.#places.fill(0);
    this.size = 0;
  }

  forEachVersion(call: (version: number) => void): void {
    for (let at = 1; at < this.#places.length; at += 2) {
      const next = this.#places[at] ?? 0;
      if (next > 0) call(next - 1);
    }
  }

  /** The place of the key, or the empty one where it would be. */
  #find({ slot, id }: TextHash): number {
    const places = this.#places;
    for (let at = slot & this.#mask; ; at = (at + 1) & this.#mask) {
      const there = places[2 * at];
      if (there === id || there === 0) return at;
    }
  }
}
