import { PRODUCT } from '@catalog/contracts';
import { loadProducts } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';

/** A product as Postgres, Redis and this process hold it, side by side. It changes nothing. */
export async function viewProductCache(cache: CatalogCache, pool: Pool, id: string) {
  const key = PRODUCT.cacheKey(id);
  const [postgres, { redis, near }] = await Promise.all([viewPostgres(cache, pool, id), cache.inspect(key)]);
  const { incarnation, nearCache, redisIsFresh, watermarkAge_ms } = cache.status();
  return {
    key,
    postgres,
    redis,
    near:
      near.state === 'absent'
        ? near
        : { ...near, age_ms: Math.round(near.age_ms), ttl_ms: Math.round(near.ttl_ms) },
    lastInvalidation: cache.heard.get(key),
    process: {
      incarnation: incarnation ?? null,
      nearCacheIsSound: nearCache.isSound,
      redisIsFresh,
      watermarkAge_ms: Number.isFinite(watermarkAge_ms) ? Math.round(watermarkAge_ms) : null,
    },
  };
}

/** When Postgres cannot be read, the view says so and still shows Redis and the near cache. */
async function viewPostgres(cache: CatalogCache, pool: Pool, id: string) {
  try {
    const product = (await cache.readPostgresToInspect(() => loadProducts(pool, [id]))).get(id);
    return { version: product?.version ?? 0, state: product?.body === null ? 'missing' : 'value' };
  } catch (error) {
    return { state: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
  }
}
