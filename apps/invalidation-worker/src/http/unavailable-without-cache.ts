import { CacheUnavailable } from '@catalog/cache/worker';
import { CatalogError } from '@catalog/contracts';

/** @throws CatalogError `unavailable` while the cache Redis is away or does not answer in time */
export async function unavailableWithoutCache<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const isRedis =
      cause instanceof Error &&
      /^(?:Command timed out|Connection is closed|Stream isn't)/.test(cause.message);
    if (cause instanceof CacheUnavailable || isRedis) {
      throw new CatalogError('unavailable', 'The cache Redis does not answer.', {
        retryAfterSeconds: 1,
        cause,
      });
    }
    throw cause;
  }
}
