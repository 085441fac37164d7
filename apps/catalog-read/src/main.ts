import { createPool } from '@catalog/database';
import { timings } from '@catalog/cache/timings';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness as createReadiness,
  runService,
  startServer,
} from '@catalog/service-kit';
import { createApp, serviceName as service } from './app.ts';
import { createCatalogCache } from './cache/catalog-cache.ts';
import { readConfig } from './config.ts';
import { createReadMetrics } from './metrics.ts';
import { ViewCounters } from './products/view-counters.ts';

const config = readConfig();
const log = createLogger({ service, level: config.LOG_LEVEL });

await runService({
  log,
  async start(scope) {
    const metrics = createMetrics({ service });
    const readMetrics = createReadMetrics(metrics);
    const readiness = createReadiness();
    const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message);

    const pool = createPool({
      url: config.DATABASE_URL,
      applicationName: service,
      max: config.DATABASE_POOL_SIZE,
      statementTimeout_ms: timings.load_ms,
      connectTimeout_ms: timings.load_ms,
      log,
    });
    scope.onStop('pool', () => pool.end());

    const cache = createCatalogCache({
      pool,
      cacheRedisUrl: config.CACHE_REDIS_URL,
      incarnationMode: config.CACHE_INCARNATION_MODE,
      events: readMetrics.events,
      onLoad: readMetrics.onLoad,
      onError: warn('the cache Redis failed'),
    });
    readMetrics.observe(cache);
    scope.onStop('cache', () => cache.stop());
    await cache.start();

    const stateRedis = connectStateRedis({
      url: config.STATE_REDIS_URL,
      name: service,
      onError: warn('the state Redis failed'),
    });
    scope.onStop('state redis', () => stateRedis.disconnect());
    const views = new ViewCounters(stateRedis, warn('view counts were lost'));
    scope.run('view counters', views);

    // One of the two is enough to answer, in part at least; taking this process away would answer less.
    readiness.add('stores', async () => {
      if (cache.freshness.isFresh(cache.connection.incarnation)) return;
      await pool.query('select 1');
    });

    const rateLimiter = new RateLimiter({
      redis: stateRedis,
      name: service,
      limit: config.RATE_LIMIT_REQUESTS,
      window_ms: config.RATE_LIMIT_WINDOW_SECONDS * 1_000,
      now: () => performance.now(),
      onError: warn('requests are counted by this process alone'),
    });
    const app = createApp({
      rateLimiter,
      cache,
      pool,
      views,
      log,
      metrics,
      readiness,
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? service,
        log,
        anonymousScopes: config.ALLOW_ANONYMOUS_READS ? ['catalog:read'] : [],
      }),
      bypassesPerSecond: config.BYPASSES_PER_SECOND,
      trustedProxies: config.TRUSTED_PROXIES,
    });
    const server = await startServer({ app, port: config.PORT, host: config.HOST, log });
    scope.onStop('server', () => server.drain());
  },
});
