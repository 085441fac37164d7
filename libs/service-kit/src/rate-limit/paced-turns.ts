import { CallerTurns, type CallerTurnsOptions } from './caller-turns.ts';

/** So a caller with one place takes an eighth of the time of what it asks, and with two a quarter. */
const restPerCall = 7;
/** What hangs answers after 30 s or not at all. Once it answers again, nobody should be kept out for minutes. */
const restMost_ms = 5_000;

/**
 * Turns of callers who share something slow, such as an account at another service: its limit is for all of them. So a place of a caller
 * rests after each call, in proportion to the time that the call took.
 */
export class PacedTurns {
  readonly #turns: CallerTurns;

  constructor(options: CallerTurnsOptions) {
    this.#turns = new CallerTurns(options);
  }

  /**
   * @param call it is not stopped when the caller leaves, because the work behind it goes on
   * @param isFree whether the call has cost the others nothing. Then no rest is due
   * @throws CatalogError `rate_limited` if too many calls of the caller wait, or if this one waits for too long
   */
  async run<T>(
    caller: string,
    call: () => Promise<T>,
    isFree: (result: T) => boolean = () => false,
  ): Promise<T> {
    const turn = await this.#turns.take(caller);
    const began_ms = performance.now();
    let isRestDue = true;
    try {
      const result = await call();
      isRestDue = !isFree(result);
      return result;
    } finally {
      const rest_ms = isRestDue ? restPerCall * (performance.now() - began_ms) : 0;
      setTimeout(() => turn[Symbol.dispose](), Math.min(rest_ms, restMost_ms)).unref();
    }
  }
}
