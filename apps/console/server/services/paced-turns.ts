import { CallerTurns, type CallerTurnsOptions } from '@catalog/service-kit';

/** For the calls of a person to a service. */
export const pacedCalls = {
  /** A page of the console reads a list and its facets. */
  atOnce: 2,
  /** A person who types sends one search for each letter. Most are answered within milliseconds. */
  waiting: 20,
  wait_ms: 10_000,
} as const;

/** Whether a cache has answered. Then the call has taken no time of Postgres. */
export const isFromCache = ({ headers }: Response): boolean =>
  /; hit; detail=(?:near|redis)$/.test(headers.get('cache-status') ?? '');

/** So one call at a time takes an eighth of the time, and two a quarter. */
const restPerCall = 7;
/** A service that hangs answers after 30 s or not at all. Then people need the console: the next call waits, and is not refused. */
const restMost_ms = 5_000;

/**
 * Calls of one person that take time of Postgres, of Redis or of the console. All people of the console have one account at the services,
 * and their calls wait for each other. So a place of a person rests after each call, in proportion to its time.
 */
export class PacedTurns {
  readonly #turns: CallerTurns;

  constructor(options: CallerTurnsOptions) {
    this.#turns = new CallerTurns(options);
  }

  /**
   * @param call runs to its end, even if the person has left: what it asks works until then
   * @param isFree whether it has taken no time of others, so that no rest is due
   * @throws CatalogError `rate_limited` if too many calls of the person wait, or if this one waits for too long
   */
  async run<T>(
    username: string,
    call: () => Promise<T>,
    isFree: (result: T) => boolean = () => false,
  ): Promise<T> {
    const turn = await this.#turns.take(username);
    const began_ms = performance.now();
    let wanted_ms: number | undefined;
    try {
      const result = await call();
      if (isFree(result)) wanted_ms = 0;
      return result;
    } finally {
      wanted_ms ??= restPerCall * (performance.now() - began_ms);
      setTimeout(() => turn[Symbol.dispose](), Math.min(wanted_ms, restMost_ms)).unref();
    }
  }
}
