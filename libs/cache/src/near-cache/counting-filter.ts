/** Beyond this a count is not known any more, so it stays. */
const full = 255;

/**
 * Tells of most numbers that are not in a set that they are not, with one look into a small table: a counting Bloom filter with one
 * hash function. The caller passes hashes.
 */
export class CountingFilter {
  readonly #counts: Uint8Array;
  readonly #mask: number;

  /** @param most numbers in the set. With so many, it is wrong about every eighth other number */
  constructor(most: number) {
    this.#counts = new Uint8Array(2 ** Math.ceil(Math.log2(8 * most)));
    this.#mask = this.#counts.length - 1;
  }

  mayHave(hash: number): boolean {
    return this.#counts[hash & this.#mask] !== 0;
  }

  add(hash: number): void {
    this.#change(hash, 1);
  }

  /** The hash must have been added. */
  remove(hash: number): void {
    this.#change(hash, -1);
  }

  #change(hash: number, by: 1 | -1): void {
    const at = hash & this.#mask;
    const count = this.#counts[at] ?? 0;
    if (count !== full) this.#counts[at] = count + by;
  }
}
