import { createCatalogClient } from '@catalog/catalog-client';
import { connectionWarning, createServicePool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import { authenticate, runServer } from '@catalog/service-kit';
import { createApp, serviceName } from './app.ts';
import { CatalogCopy } from './catalog-copy/catalog-copy.ts';
import { readConfig } from './config.ts';
import { createSalesCache } from './sales/sales-cache.ts';

const config = readConfig();

await runServer({
  service: serviceName,
  config,
  async createApp(parts, scope) {
    const { log, readiness } = parts;
    const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message);
    const pool = createServicePool({
      url: config.DATABASE_URL,
      applicationName: serviceName,
      max: config.DATABASE_POOL_SIZE,
      log,
    });
    scope.onStop('pool', () => pool.end());
    const sales = createSalesCache({
      pool,
      cacheRedisUrl: config.CACHE_REDIS_URL,
      incarnationMode: config.CACHE_INCARNATION_MODE,
      onError: warn('the cache Redis failed'),
    });
    scope.onStop('sales cache', () => sales.stop());
    await sales.start();
    const stateRedis = connectStateRedis({
      url: config.STATE_REDIS_URL,
      name: serviceName,
      onError: warn('the state Redis failed'),
    });
    scope.onStop('state redis', () => stateRedis.disconnect());

    // catalog-read is not a condition. Without it this process can still answer for stock and orders.
    readiness.add('postgres', () => pool.query('select 1'));
    // `currentIncarnation` opens a session for a moment.
    const connections = { processes: 1, each: config.DATABASE_POOL_SIZE + 1 };
    readiness.warn('connections', connectionWarning(pool, connections));
    const catalog = createCatalogClient({
      readUrl: config.CATALOG_READ_URL,
      identity: { service: serviceName, keyFile: config.SERVICE_KEY_FILE },
      cacheEntries: config.CATALOG_CACHE_ENTRIES,
    });
    const copy = new CatalogCopy({ pool, catalog, onError: warn('the copy of the catalog is not current') });
    scope.run('catalog copy', copy);
    return createApp({
      ...parts,
      pool,
      sales,
      catalog,
      copy,
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? serviceName,
        log,
        readiness,
      }),
      rateLimiter: new RateLimiter({
        redis: stateRedis,
        name: serviceName,
        limit: config.RATE_LIMIT_REQUESTS,
        window_ms: config.RATE_LIMIT_WINDOW_SECONDS * 1_000,
        onError: warn('only this process counts requests, because the state Redis is away'),
      }),
    });
  },
});
