interface RedisPaceOptions {
  /** A call like those that requests wait for. When it succeeds in time, Redis works again. */
  readonly check: () => Promise<unknown>;
  /** How long a request waits for Redis at most. */
  readonly wait_ms: number;
  /** Monotonic. */
  readonly now: () => number;
  /** Redis was too late, or failed. Called once, until it works again. */
  readonly onSlow: (error: unknown) => void;
}

/** While Redis is slow, how often it is asked whether it works again. */
const recheck_ms = 250;

/**
 * Whether requests may wait for Redis. After one late or failed call none may, until a check has been answered in time.
 * So a Redis that hangs delays requests once, for a short time.
 */
export class RedisPace {
  readonly #options: RedisPaceOptions;
  #isSlow = false;
  #isChecking = false;
  #checkAt_ms = 0;

  constructor(options: RedisPaceOptions) {
    this.#options = options;
  }

  /** Requests ask this, so while there are requests, it also starts the checks. */
  isSlow(): boolean {
    if (this.#isSlow && !this.#isChecking && this.#options.now() >= this.#checkAt_ms) void this.#check();
    return this.#isSlow;
  }

  /** Resolves when the call has ended, or after `wait_ms`. A late or failed call makes Redis slow. */
  async waitFor(call: Promise<unknown>): Promise<void> {
    try {
      if (await this.#isInTime(call)) return;
      this.#becomeSlow(new Error(`Redis did not answer within ${this.#options.wait_ms} ms.`));
    } catch (error) {
      this.#becomeSlow(error);
    }
  }

  async #isInTime(call: Promise<unknown>): Promise<boolean> {
    const late = Promise.withResolvers<false>();
    // A busy process may find the answer in its socket only now. One turn of the event loop reads it.
    const timer = setTimeout(() => setImmediate(late.resolve, false), this.#options.wait_ms);
    try {
      return await Promise.race([call.then(() => true), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  #becomeSlow(error: unknown): void {
    if (this.#isSlow) return;
    this.#isSlow = true;
    this.#checkAt_ms = this.#options.now() + recheck_ms;
    this.#options.onSlow(error);
  }

  async #check(): Promise<void> {
    this.#isChecking = true;
    const call = this.#options.check();
    // A late check goes on to its end, so that a Redis that hangs gets no second one.
    const [isInTime] = await Promise.all([this.#isInTime(call), call]).catch(() => [false]);
    this.#isSlow = !isInTime;
    this.#checkAt_ms = this.#options.now() + recheck_ms;
    this.#isChecking = false;
  }
}
