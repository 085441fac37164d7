import { BatchLoader, cached, createLoadGuard, createProcessCache, loadPayloads } from '@catalog/cache';
import { SALES_MONTH, type SalesMonth } from '@catalog/contracts';
import { databaseIdentity, entityLoaders, type Pool } from '@catalog/database';

/** A month takes a few hundred bytes; this is a lifetime of them. */
const nearCache_bytes = 1024 * 1024;

export interface SalesCacheOptions {
  readonly pool: Pool;
  readonly cacheRedisUrl: string;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly onError: (error: unknown) => void;
}

/** The months of the sales report, cached like every entity: an order that is completed drops its month. */
export function createSalesCache(options: SalesCacheOptions) {
  const { pool, cacheRedisUrl, incarnationMode = 'full', onError } = options;
  const ignore = () => undefined;
  const { parts, start, stop } = createProcessCache({
    url: cacheRedisUrl,
    name: 'orders',
    databaseIdentity: () => databaseIdentity(pool),
    incarnationMode,
    nearCache_bytes,
    events: { fillRefused: ignore, overtaken: ignore, cacheFailed: onError, loadFailed: ignore },
    onError,
  });
  // Months that no cache has, asked for at once, are one query.
  const batch = new BatchLoader(loadPayloads(entityLoaders(pool)[SALES_MONTH.name]), createLoadGuard());
  const loadMonth = async (month: string): Promise<SalesMonth | null> => {
    const { payload } = await batch.load(month);
    return payload === null ? null : (JSON.parse(payload.toString()) as SalesMonth);
  };
  return { months: cached(loadMonth, { entity: SALES_MONTH, parts }), start, stop };
}

export type SalesCache = ReturnType<typeof createSalesCache>;
