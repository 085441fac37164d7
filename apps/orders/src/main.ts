import { createCatalogClient } from '@catalog/catalog-client';
import { createPool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness as createReadiness,
  runService,
  startServer,
  systemClock,
} from '@catalog/service-kit';
import { createApp, serviceName } from './app.ts';
import { readConfig } from './config.ts';
import { createSalesCache } from './sales/sales-cache.ts';

const config = readConfig();
const log = createLogger({ service: serviceName, level: config.LOG_LEVEL });

await runService({
  log,
  async start(scope) {
    const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message);
    const pool = createPool({
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

    const readiness = createReadiness();
    // catalog-read is not a condition. Without it this process can still answer for stock and orders.
    readiness.add('postgres', () => pool.query('select 1'));
    const app = createApp({
      pool,
      sales,
      catalog: createCatalogClient({
        readUrl: config.CATALOG_READ_URL,
        identity: { service: serviceName, keyFile: config.SERVICE_KEY_FILE },
        cacheEntries: config.CATALOG_CACHE_ENTRIES,
      }),
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? serviceName,
        log,
      }),
      rateLimiter: new RateLimiter({
        redis: stateRedis,
        name: serviceName,
        limit: config.RATE_LIMIT_REQUESTS,
        window_ms: config.RATE_LIMIT_WINDOW_SECONDS * 1_000,
        now: () => performance.now(),
        onError: warn('only this process counts requests, because the state Redis is away'),
      }),
      clock: systemClock,
      log,
      metrics: createMetrics({ service: serviceName }),
      readiness,
      trustedProxies: config.TRUSTED_PROXIES,
    });
    const server = await startServer({ app, port: config.PORT, host: config.HOST, log });
    scope.onStop('server', () => server.drain());
  },
});
