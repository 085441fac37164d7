import { CallerTurns } from '@catalog/service-kit';

const searchLimits = {
  /** A page of the console reads a list and its facets. */
  atOnce: 2,
  /** A person who types sends one search for each letter. Most are answered within milliseconds. */
  waiting: 20,
  wait_ms: 10_000,
  /** So two searches at once, one after the other, take Postgres a quarter of the time. */
  restPerSearch: 7,
} as const;

/**
 * The searches of one person. catalog-read charges for a search by the time that Postgres takes, and all people of the console
 * have one account there. So a place of a person rests after each search that no cache has answered, in proportion to its time.
 */
export class SearchTurns {
  readonly #turns = new CallerTurns({ what: 'searches', ...searchLimits });

  /**
   * @param search runs to its end, even if the person has left: Postgres works until then
   * @throws CatalogError `rate_limited` if too many searches of the person wait, or if this one waits for too long
   */
  async run(username: string, search: () => Promise<Response>): Promise<Response> {
    const turn = await this.#turns.take(username);
    const began_ms = performance.now();
    let isCached = false;
    try {
      const response = await search();
      isCached = /; hit; detail=(?:near|redis)$/.test(response.headers.get('cache-status') ?? '');
      return response;
    } finally {
      const rest_ms = isCached ? 0 : searchLimits.restPerSearch * (performance.now() - began_ms);
      setTimeout(() => turn[Symbol.dispose](), rest_ms).unref();
    }
  }
}
