import { createCache } from '@catalog/cache';
import { SALES_MONTH } from '@catalog/contracts';
import { entityLoaders, type ServicePool } from '@catalog/database';

/** A month takes a few hundred bytes, so this holds thousands of months. */
const nearCache_bytes = 1024 * 1024;

export interface SalesCacheOptions {
  readonly pool: ServicePool;
  readonly cacheRedisUrl: string;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly onError: (error: unknown) => void;
}

/** The months of the sales report. An order that is completed drops its month. */
export function createSalesCache({ pool, cacheRedisUrl, ...options }: SalesCacheOptions) {
  const cache = createCache({
    ...options,
    url: cacheRedisUrl,
    name: 'orders',
    database: pool,
    nearCache_bytes,
  });
  const months = cache.define(SALES_MONTH, entityLoaders(pool)[SALES_MONTH.name]);
  return { months, start: cache.start, stop: cache.stop };
}

export type SalesCache = ReturnType<typeof createSalesCache>;
