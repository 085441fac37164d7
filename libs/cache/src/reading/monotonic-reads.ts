/**
 * Remembers the highest version of each key that this process has served, so that none is ever served that
 * is lower: not from a stale copy while the stores are away, not by joining a read that began earlier.
 *
 * Bounded, and the key forgotten is the one that was not served for longest. What can overtake a coherent answer is
 * served within seconds of it, so this holds while fewer than `limit` keys are served in that time.
 * A copy whose age is unknown may be older than that: of a key that was forgotten the highest version ever
 * forgotten is assumed, which refuses too much, never too little.
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
    if (before !== undefined) this.#served.delete(key);
    else if (this.#served.size >= this.#limit) this.#forgetOldest();
    this.#served.set(key, before === undefined ? version : Math.max(before, version));
  }

  #forgetOldest(): void {
    const oldest = this.#served.entries().next().value;
    if (oldest === undefined) return;
    this.#served.delete(oldest[0]);
    if (oldest[1] > this.#forgotten) this.#forgotten = oldest[1];
  }
}
