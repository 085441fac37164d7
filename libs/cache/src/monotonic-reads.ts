/**
 * Remembers the highest version of each key that this process has served, so that none is ever served that
 * is lower: not from a stale copy while the stores are away, not by joining a read that began earlier.
 *
 * Bounded: of a key that was forgotten is assumed the highest version ever forgotten, which refuses
 * too much, never too little.
 */
export class MonotonicReads {
  readonly #served = new Map<string, number>();
  readonly #limit: number;
  #forgotten = 0;

  constructor(limit = 100_000) {
    this.#limit = limit;
  }

  /** Whether a copy whose age is unknown may be served. */
  permits(key: string, version: number): boolean {
    return version >= (this.#served.get(key) ?? this.#forgotten);
  }

  /** Whether something newer is remembered: what a coherent answer can only be when it was overtaken. */
  isOvertaken(key: string, version: number): boolean {
    const served = this.#served.get(key);
    return served !== undefined && version < served;
  }

  note(key: string, version: number): void {
    const before = this.#served.get(key);
    if (before !== undefined) {
      if (version > before) this.#served.set(key, version);
      return;
    }
    if (this.#served.size >= this.#limit) this.#forgetOldest();
    this.#served.set(key, version);
  }

  #forgetOldest(): void {
    const oldest = this.#served.entries().next().value;
    if (oldest === undefined) return;
    this.#served.delete(oldest[0]);
    if (oldest[1] > this.#forgotten) this.#forgotten = oldest[1];
  }
}
