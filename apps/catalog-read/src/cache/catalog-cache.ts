import { type CacheEvents, createCache } from '@catalog/cache';
import { PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import { entityLoaders, retryRead, type ServicePool } from '@catalog/database';
import { HeardInvalidations } from './heard-invalidations.ts';

export interface CatalogCacheOptions {
  readonly pool: ServicePool;
  readonly cacheRedisUrl: string;
  readonly incarnationMode: 'full' | 'replication-only';
  readonly events: CacheEvents;
  /** A query for so many keys is about to be sent to Postgres. */
  readonly onLoad: (entity: string, keys: number) => void;
  readonly onError: (error: unknown) => void;
  /** What the near cache may hold, in bytes; room for a few ten thousand products unless set. */
  readonly nearCache_bytes?: number;
}

const defaultNearCache_bytes = 64 * 1024 * 1024;

/** The cached entities and lists of this service. */
export function createCatalogCache({ pool, cacheRedisUrl, ...options }: CatalogCacheOptions) {
  const heard = new HeardInvalidations();
  const cache = createCache({
    ...options,
    url: cacheRedisUrl,
    name: 'catalog-read',
    database: pool,
    nearCache_bytes: options.nearCache_bytes ?? defaultNearCache_bytes,
    onInvalidation: (cacheKey, version) => heard.note(cacheKey, version),
  });
  const loaders = entityLoaders(pool);
  const pages = cache.list(PRODUCT.list);
  return {
    products: cache.define(PRODUCT, loaders[PRODUCT.name]),
    skus: cache.define(SKU, loaders[SKU.name]),
    settings: cache.define(SETTINGS, loaders[SETTINGS.name]),
    productPage: (query: readonly unknown[], read: () => Promise<Buffer>, until_ms: number) =>
      pages.get(query, () => retryRead(read), until_ms),
    readPostgres: <T>(read: () => Promise<T>, until_ms?: number) =>
      cache.readPostgres(() => retryRead(read), until_ms),
    readPostgresToInspect: <T>(read: () => Promise<T>) => cache.readPostgresToInspect(() => retryRead(read)),
    status: cache.status,
    inspect: cache.inspect,
    heard,
    start: cache.start,
    stop: cache.stop,
  };
}

export type CatalogCache = ReturnType<typeof createCatalogCache>;
