import { hostname } from 'node:os';
import { PRODUCT } from '@catalog/contracts';
import { loadProducts } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';

/** Tells the processes behind one address apart. */
const instance = `${hostname()}:${process.pid}`;

/**
 * A product as Postgres, Redis and this process hold it, side by side. It changes nothing.
 *
 * `equal` of a cache says whether its content is that of Postgres, byte by byte; null if it holds none, or if Postgres cannot be
 * read. The top `equal` is false if the content of one of them differs.
 */
export async function viewProductCache(cache: CatalogCache, pool: Pool, id: string) {
  const key = PRODUCT.cacheKey(id);
  const [{ payload: truth, ...postgres }, { redis, near }] = await Promise.all([
    viewPostgres(cache, pool, id),
    cache.inspect(key),
  ]);
  const compared = { redis: equalTo(truth, redis), near: equalTo(truth, near) };
  const { incarnation, nearCache, redisIsFresh, watermarkAge_ms } = cache.status();
  return {
    key,
    equal: compared.redis !== false && compared.near !== false,
    postgres,
    redis: { ...redis, payload: undefined, equal: compared.redis },
    near: {
      ...near,
      ...(near.state !== 'absent' && { age_ms: Math.round(near.age_ms), ttl_ms: Math.round(near.ttl_ms) }),
      payload: undefined,
      equal: compared.near,
    },
    lastInvalidation: cache.heard.get(key),
    process: {
      instance,
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
    const body = product?.body ?? null;
    return {
      version: product?.version ?? 0,
      state: body === null ? 'missing' : 'value',
      payload: body === null ? null : Buffer.from(JSON.stringify(body)),
    };
  } catch (error) {
    return { state: 'unreachable', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** A silenced near entry is compared too: it may be served again. */
function equalTo(
  truth: Buffer | null | undefined,
  held: { state: string; payload?: Buffer | null },
): boolean | null {
  if (truth === undefined) return null;
  const payload = held.state === 'missing' ? null : held.payload;
  if (payload === undefined) return null;
  return truth === null || payload === null ? truth === payload : truth.equals(payload);
}
