/**
 * Remembers the highest version of each key that this process has served, so that it never serves a lower one: neither
 * from a stale copy while the stores are away, nor by joining a read that began earlier.
 *
 * It remembers `limit` keys, and forgets the key that was not served for longest. An answer can be overtaken only
 * within the seconds that a read takes, so the promise holds while fewer than `limit` keys are served in that time.
 * A stale copy may be of any age. For a forgotten key it is therefore compared with the highest version ever forgotten,
 * which may refuse a copy that could be served, but never serves one that must not be.
 */
export class MonotonicReads {
  readonly #served = new Map<string, number>();
  readonly #limit: number;
  #forgotten = 0;

  constructor(limit = 100_000) {
    this.#limit = limit;
  }

  /** Whether a copy of unknown age may be served. */
  permits(key: string, version: number): boolean {
    return version >= (this.#served.get(key) ?? this.#forgotten);
  }

  /** Whether a newer version was served while this one was being read. */
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
