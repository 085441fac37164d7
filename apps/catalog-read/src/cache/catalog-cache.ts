import {
  BatchLoader,
  CacheConnection,
  type CacheEvents,
  createCacheBreaker,
  createLoadGuard,
  EntityCache,
  EntryStore,
  Freshness,
  InvalidationChannel,
  ListCache,
  type Load,
  loadPayloads,
  MonotonicReads,
  NearCache,
} from '@catalog/cache';
import { type entities, limits, PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import { databaseIdentity, entityLoaders } from '@catalog/database';
import type { Pool } from 'pg';
import { HeardInvalidations } from './heard-invalidations.ts';

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
  const now = () => performance.now();
  const connection = new CacheConnection({
    url: cacheRedisUrl,
    name: 'catalog-read',
    databaseIdentity: () => databaseIdentity(pool),
    incarnationMode,
    onError,
  });
  const freshness = new Freshness(now, () => connection.incarnation);
  const near = new NearCache(freshness, now, { maxBytes: limits.nearCache_bytes });
  const heard = new HeardInvalidations();
  const channel = new InvalidationChannel({
    url: cacheRedisUrl,
    name: 'catalog-read channel',
    connection,
    freshness,
    now,
    onInvalidation: (keys) => {
      for (const [key, version] of keys) {
        near.invalidate(key, version);
        heard.note(key, version);
      }
    },
    onError,
  });

  const store = new EntryStore(connection);
  const breaker = createCacheBreaker();
  const parts = { store, breaker, freshness, near, monotonic: new MonotonicReads(), now, events };
  const guard = createLoadGuard();
  const loaders = entityLoaders(pool);
  const cached = (entity: (typeof entities)[number]) => {
    const load = loadPayloads(loaders[entity.name]);
    const counted: Load = (keys) => {
      onLoad(entity.name, keys.length);
      return load(keys);
    };
    return new EntityCache(entity, new BatchLoader(counted, guard), parts);
  };

  return {
    products: cached(PRODUCT),
    skus: cached(SKU),
    settings: cached(SETTINGS),
    lists: new ListCache(connection, freshness, events.cacheFailed),
    guard,
    breaker,
    connection,
    store,
    freshness,
    near,
    heard,

    async start(): Promise<void> {
      await Promise.all([connection.start(), channel.start()]);
    },
    stop(): void {
      channel.stop();
      connection.stop();
    },
  };
}

export type CatalogCache = ReturnType<typeof createCatalogCache>;
