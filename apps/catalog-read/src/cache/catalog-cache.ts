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
  loadPayloads,
  MonotonicReads,
  NearCache,
} from '@catalog/cache';
import { limits, PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import { databaseIdentity, entityLoaders } from '@catalog/database';
import type { Pool } from 'pg';
import { HeardInvalidations } from './heard-invalidations.ts';

export interface CatalogCacheOptions {
  readonly pool: Pool;
  readonly cacheRedisUrl: string;
  readonly incarnationMode: 'full' | 'replication-only';
  readonly events: CacheEvents;
  readonly onError: (error: unknown) => void;
}

/** The cached entities of this service, with all that they share. */
export function createCatalogCache({
  pool,
  cacheRedisUrl,
  incarnationMode,
  events,
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

  return {
    products: new EntityCache(PRODUCT, new BatchLoader(loadPayloads(loaders.product), guard), parts),
    skus: new EntityCache(SKU, new BatchLoader(loadPayloads(loaders.sku), guard), parts),
    settings: new EntityCache(SETTINGS, new BatchLoader(loadPayloads(loaders.settings), guard), parts),
    lists: new ListCache(connection, freshness, events.cacheFailed),
    guard,
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
