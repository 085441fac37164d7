import { type CacheEvents, createCache } from '@catalog/cache';
import { CatalogError, PRODUCT, SETTINGS, SKU } from '@catalog/contracts';
import { entityLoaders, isDataException, retryRead, type Pool, type ServicePool } from '@catalog/database';
import { HeardInvalidations } from './heard-invalidations.ts';

export interface CatalogCacheOptions {
  readonly pool: ServicePool;
  /** Sessions on a standby. */
  readonly standby?: Pool | undefined;
  readonly cacheRedisUrl: string;
  readonly incarnationMode: 'full' | 'replication-only';
  readonly events: CacheEvents;
  /** Called before a query is sent to Postgres, with the number of its keys. */
  readonly onLoad: (entity: string, keys: number) => void;
  readonly onError: (error: unknown) => void;
  /** What the near cache may hold, in bytes; room for a few ten thousand products unless set. */
  readonly nearCache_bytes?: number;
}

const defaultNearCache_bytes = 64 * 1024 * 1024;

/** The cached entities and lists of this service. */
export function createCatalogCache({ pool, standby, cacheRedisUrl, ...options }: CatalogCacheOptions) {
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
  const fromStandby = standby && entityLoaders(standby);
  const pages = cache.list(PRODUCT.list);
  return {
    products: cache.define(PRODUCT, loaders[PRODUCT.name], fromStandby?.[PRODUCT.name]),
    skus: cache.define(SKU, loaders[SKU.name], fromStandby?.[SKU.name]),
    settings: cache.define(SETTINGS, loaders[SETTINGS.name], fromStandby?.[SETTINGS.name]),
    keptProductPage: (query: readonly unknown[], until_ms: number) => pages.kept(query, until_ms),
    productPage: (query: readonly unknown[], read: (db: Pool) => Promise<Buffer>, until_ms: number) =>
      pages.get(
        query,
        () => retryRead(() => blamingTheValue(() => read(pool))),
        until_ms,
        standby && (() => blamingTheValue(() => read(standby))),
      ),
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

/** A value that Postgres cannot read is a mistake of its caller. Counted as a failure of Postgres, it would open the breaker. */
async function blamingTheValue<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!isDataException(cause)) throw cause;
    const detail = 'A value of the query is out of the range that the database can read.';
    throw new CatalogError('invalid_request', detail, { cause });
  }
}

export type CatalogCache = ReturnType<typeof createCatalogCache>;
