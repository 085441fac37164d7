import {
  BatchLoader,
  CacheConnection,
  cached,
  createCacheBreaker,
  createLoadGuard,
  EntryStore,
  Freshness,
  InvalidationChannel,
  loadPayloads,
  MonotonicReads,
  NearCache,
} from '@catalog/cache';
import { SALES_MONTH, type SalesMonth } from '@catalog/contracts';
import { databaseIdentity, entityLoaders, type Pool } from '@catalog/database';

/** A month takes a few hundred bytes; this is a lifetime of them. */
const nearCache_bytes = 1024 * 1024;

export interface SalesCacheOptions {
  readonly pool: Pool;
  readonly cacheRedisUrl: string;
  readonly onError: (error: unknown) => void;
}

/** The months of the sales report, cached like every entity: an order that is completed drops its month. */
export function createSalesCache({ pool, cacheRedisUrl, onError }: SalesCacheOptions) {
  const now = () => performance.now();
  const connection = new CacheConnection({
    url: cacheRedisUrl,
    name: 'orders',
    databaseIdentity: () => databaseIdentity(pool),
    onError,
  });
  const freshness = new Freshness(now, () => connection.incarnation);
  const near = new NearCache(freshness, now, { maxBytes: nearCache_bytes });
  const channel = new InvalidationChannel({
    url: cacheRedisUrl,
    name: 'orders channel',
    connection,
    freshness,
    now,
    onInvalidation: (keys) => {
      for (const [key, version] of keys) near.invalidate(key, version);
    },
    onError,
  });
  const ignore = () => undefined;
  // Months that no cache has, asked for at once, are one query.
  const batch = new BatchLoader(loadPayloads(entityLoaders(pool)[SALES_MONTH.name]), createLoadGuard());
  const loadMonth = async (month: string): Promise<SalesMonth | null> => {
    const { payload } = await batch.load(month);
    return payload === null ? null : (JSON.parse(payload.toString()) as SalesMonth);
  };
  const months = cached(loadMonth, {
    entity: SALES_MONTH,
    parts: {
      store: new EntryStore(connection),
      breaker: createCacheBreaker(),
      freshness,
      near,
      monotonic: new MonotonicReads(),
      now,
      events: { fillRefused: ignore, overtaken: ignore, cacheFailed: onError, loadFailed: ignore },
    },
  });
  return {
    months,
    async start(): Promise<void> {
      await Promise.all([connection.start(), channel.start()]);
    },
    stop(): void {
      channel.stop();
      connection.stop();
    },
  };
}

export type SalesCache = ReturnType<typeof createSalesCache>;
