import {
  BatchLoader,
  type CacheEvents,
  createLoadGuard,
  createProcessCache,
  EntityCache,
  ListCache,
  type Load,
  type LoadGuard,
  loadPayloads,
  type Patience,
} from '@catalog/cache';
import { limits } from '@catalog/cache/timings';
import { type entities, PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import { databaseIdentity, entityLoaders, retryRead } from '@catalog/database';
import type { Pool } from 'pg';
import { HeardInvalidations } from './heard-invalidations.ts';

/** A few ten thousand products. */
const nearCache_bytes = 64 * 1024 * 1024;

export interface CatalogCacheOptions {
  readonly pool: Pool;
  readonly cacheRedisUrl: string;
  readonly incarnationMode: 'full' | 'replication-only';
  readonly events: CacheEvents;
  /** A query for so many keys is about to be sent to Postgres. */
  readonly onLoad: (entity: string, keys: number) => void;
  readonly onError: (error: unknown) => void;
}

/** The cached entities of this service, with all that they share. */
export function createCatalogCache({
  pool,
  cacheRedisUrl,
  incarnationMode,
  events,
  onLoad,
  onError,
}: CatalogCacheOptions) {
  const heard = new HeardInvalidations();
  const { parts, connection, start, stop } = createProcessCache({
    url: cacheRedisUrl,
    name: 'catalog-read',
    databaseIdentity: () => databaseIdentity(pool),
    incarnationMode,
    nearCache_bytes,
    events,
    onInvalidation: (key, version) => heard.note(key, version),
    onError,
  });
  const { store, breaker, freshness, near } = parts;
  // Apart, so that a flood of searches takes no place from a product.
  const guards = { keys: createLoadGuard(), lists: createLoadGuard(limits.listConcurrency) };
  const behind =
    (guard: LoadGuard) =>
    <T>(read: () => Promise<T>, patience?: Readonly<Patience>) =>
      guard(
        () => retryRead(read),
        () => patience === undefined || patience.until_ms > performance.now(),
      );
  const loaders = entityLoaders(pool);
  const cached = (entity: (typeof entities)[number]) => {
    const load = loadPayloads(loaders[entity.name]);
    const counted: Load = (keys) => {
      onLoad(entity.name, keys.length);
      return load(keys);
    };
    return new EntityCache(entity, new BatchLoader(counted, guards.keys), parts);
  };

  return {
    products: cached(PRODUCT),
    skus: cached(SKU),
    settings: cached(SETTINGS),
    lists: new ListCache(connection, freshness, events.cacheFailed),
    guards,
    /** What is no load of an entity, and costs no more. */
    readPostgres: behind(guards.keys),
    readPostgresList: behind(guards.lists),
    breaker,
    connection,
    store,
    freshness,
    near,
    heard,
    start,
    stop,
  };
}

export type CatalogCache = ReturnType<typeof createCatalogCache>;
