import { PRODUCT } from '@catalog/contracts';
import { loadProducts } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';

/** What Postgres, Redis and this process hold of a product, side by side; it changes nothing. */
export async function viewProductCache(cache: CatalogCache, pool: Pool, id: string) {
  const key = PRODUCT.cacheKey(id);
  const { freshness, near, heard, connection } = cache;
  const [postgres, redis] = await Promise.all([
    cache
      .readPostgres(() => loadProducts(pool, [id]))
      .then((loaded) => loaded.get(id))
      .catch(() => null),
    cache.store.inspect(key).catch(() => null),
  ]);
  const kept = near.getStale(key);
  const live = near.get(key) !== undefined;
  const watermarkAge_ms = freshness.watermarkAge_ms;
  return {
    key,
    postgres:
      postgres === null
        ? { state: 'unreachable' }
        : { version: postgres?.version ?? 0, state: postgres?.body === null ? 'missing' : 'value' },
    redis: redis ?? { state: 'unreachable' },
    near:
      kept === undefined
        ? { state: 'absent' }
        : {
            state: live ? (kept.payload === null ? 'missing' : 'value') : 'silenced',
            version: kept.version,
            age_ms: Math.round(performance.now() - kept.storedAt_ms),
            ttl_ms: Math.round(kept.freshUntil_ms - performance.now()),
          },
    lastInvalidation: heard.get(key),
    process: {
      incarnation: connection.incarnation ?? null,
      nearCacheIsSound: freshness.isSound(),
      redisIsFresh: freshness.isFresh(connection.incarnation),
      watermarkAge_ms: Number.isFinite(watermarkAge_ms) ? Math.round(watermarkAge_ms) : null,
    },
  };
}
