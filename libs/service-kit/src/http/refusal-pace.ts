import { httpLimits } from './limits.ts';

/**
 * When the next refusal of this process may leave. A caller that asks again at once after each 429 would otherwise cost as
 * much as one that is served. So each refusal waits, and together they leave one after the other.
 */
export class RefusalPace {
  readonly #now: () => number;
  #last_ms = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns how long the next one waits: at least `refusal_ms`, at most `slowestRefusal_ms` */
  next_ms(): number {
    const now_ms = this.#now();
    const { refusal_ms, refusalsApart_ms, slowestRefusal_ms } = httpLimits;
    const at_ms = Math.max(now_ms + refusal_ms, this.#last_ms + refusalsApart_ms);
    this.#last_ms = Math.min(at_ms, now_ms + slowestRefusal_ms);
    return this.#last_ms - now_ms;
  }
}
