import { hostname } from 'node:os';
import { type KeyView, PRODUCT, SETTINGS, SETTINGS_KEY, SKU } from '@catalog/contracts';
import { loadProducts, loadSettings, loadSkus } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from './catalog-cache.ts';

/** Tells the processes behind one address apart. */
const instance = `${hostname()}:${process.pid}`;

/** A row as Postgres has it. */
interface Row {
  readonly version: number;
  readonly body: object | null;
}

/** A product as Postgres, Redis and this process hold it. */
export const viewProduct = (cache: CatalogCache, pool: Pool, id: string): Promise<KeyView> =>
  viewKey(cache, PRODUCT.cacheKey(id), async () => (await loadProducts(pool, [id])).get(id));

/** The index entry of an SKU as Postgres, Redis and this process hold it. */
export const viewSku = (cache: CatalogCache, pool: Pool, sku: string): Promise<KeyView> =>
  viewKey(cache, SKU.cacheKey(sku), async () => (await loadSkus(pool, [sku])).get(sku));

/** The settings as Postgres, Redis and this process hold them. */
export const viewSettings = (cache: CatalogCache, pool: Pool): Promise<KeyView> =>
  viewKey(cache, SETTINGS.cacheKey(SETTINGS_KEY), async () =>
    (await loadSettings(pool, [SETTINGS_KEY])).get(SETTINGS_KEY),
  );

/**
 * One key as Postgres, Redis and this process hold it, side by side. It changes nothing.
 *
 * `equal` of a cache says whether its content is that of Postgres, byte by byte; null if it holds none, or if Postgres cannot be
 * read. The top `equal` is false if the content of one of them differs.
 */
async function viewKey(
  cache: CatalogCache,
  key: string,
  load: () => Promise<Row | undefined>,
): Promise<KeyView> {
  const [{ payload: truth, ...postgres }, { redis, near }] = await Promise.all([
    viewPostgres(cache, load),
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
  load: () => Promise<Row | undefined>,
): Promise<KeyView['postgres'] & { readonly payload?: Buffer | null }> {
  try {
    const row = await cache.readPostgresToInspect(load);
    const body = row?.body ?? null;
    const version = row?.version ?? 0;
    return {
      // A row that never existed has no version.
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
