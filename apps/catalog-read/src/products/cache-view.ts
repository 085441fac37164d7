import { hostname } from 'node:os';
import { type KeyView, PRODUCT } from '@catalog/contracts';
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
export async function viewProductCache(cache: CatalogCache, pool: Pool, id: string): Promise<KeyView> {
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
    redis: { ...shown(redis), equal: compared.redis },
    near: { ...shown(near), equal: compared.near },
    lastInvalidation: cache.heard.get(key),
    process: {
      instance,
      incarnation: incarnation ?? null,
      nearCacheIsSound: nearCache.isSound,
      redisIsFresh,
      watermarkAgeMs: Number.isFinite(watermarkAge_ms) ? Math.round(watermarkAge_ms) : null,
    },
  };
}

interface Held {
  readonly state: string;
  readonly payload?: Buffer | null;
  readonly age_ms?: number;
  readonly freshFor_ms?: number;
  readonly ttl_ms?: number;
}

/** Without its content, and with the times as JSON names them, in whole milliseconds. */
function shown<Entry extends Held>({ payload: _content, age_ms, freshFor_ms, ttl_ms, ...entry }: Entry) {
  return {
    ...entry,
    ...(age_ms !== undefined && { ageMs: Math.round(age_ms) }),
    ...(freshFor_ms !== undefined && { freshForMs: Math.round(freshFor_ms) }),
    ...(ttl_ms !== undefined && { ttlMs: Math.round(ttl_ms) }),
  };
}

/** When Postgres cannot be read, the view says so and still shows Redis and the near cache. */
async function viewPostgres(
  cache: CatalogCache,
  pool: Pool,
  id: string,
): Promise<KeyView['postgres'] & { readonly payload?: Buffer | null }> {
  try {
    const product = (await cache.readPostgresToInspect(() => loadProducts(pool, [id]))).get(id);
    const body = product?.body ?? null;
    const version = product?.version ?? 0;
    return {
      // A product that never existed has no version.
      ...(version > 0 && { version }),
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
