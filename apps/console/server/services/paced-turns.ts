import { CallerTurns } from '@catalog/service-kit';

const limits = {
  /** A page of the console reads a list and its facets. */
  atOnce: 2,
  /** A person who types sends one search for each letter. Most are answered within milliseconds. */
  waiting: 20,
  wait_ms: 10_000,
  /** So two calls at once, one after the other, take Postgres a quarter of the time. */
  restPerCall: 7,
  /** A service that hangs answers after 30 s or not at all. Then people need the console: the next call waits, and is not refused. */
  restMost_ms: 5_000,
} as const;

/**
 * Calls of one person to a service that asks Postgres for them. All people of the console have one account there, and their calls
 * wait for each other. So a place of a person rests after each call that no cache has answered, in proportion to its time.
 */
export class PacedTurns {
  readonly #turns: CallerTurns;

  /** @param what the word for the calls in refusals, such as `searches` */
  constructor(what: string) {
    this.#turns = new CallerTurns({ what, ...limits });
  }

  /**
   * @param call runs to its end, even if the person has left: Postgres works until then
   * @throws CatalogError `rate_limited` if too many calls of the person wait, or if this one waits for too long
   */
  async run(username: string, call: () => Promise<Response>): Promise<Response> {
    const turn = await this.#turns.take(username);
    const began_ms = performance.now();
    let isCached = false;
    try {
      const response = await call();
      isCached = /; hit; detail=(?:near|redis)$/.test(response.headers.get('cache-status') ?? '');
      return response;
    } finally {
      const wanted_ms = isCached ? 0 : limits.restPerCall * (performance.now() - began_ms);
      const rest_ms = Math.min(wanted_ms, limits.restMost_ms);
      setTimeout(() => turn[Symbol.dispose](), rest_ms).unref();
    }
  }
}
