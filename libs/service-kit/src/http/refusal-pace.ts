import { httpLimits } from './limits.ts';

/**
 * When the next refusal of this process may leave. A caller that asks again at once after each 429, or tries one forged token after
 * the other, would otherwise cost as much as one that is served. So refusals leave one after the other.
 */
export class RefusalPace {
  readonly #now: () => number;
  #last_ms = Number.NEGATIVE_INFINITY;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @returns how long the next one waits: at least that long, at most `slowestRefusal_ms` */
  next_ms(least_ms: number): number {
    const now_ms = this.#now();
    const { refusalsApart_ms, slowestRefusal_ms } = httpLimits;
    const at_ms = Math.max(now_ms + least_ms, this.#last_ms + refusalsApart_ms);
    this.#last_ms = Math.min(at_ms, now_ms + slowestRefusal_ms);
    return this.#last_ms - now_ms;
  }
}
