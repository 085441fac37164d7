import { setFlagsFromString } from 'node:v8';
import { timings } from '@catalog/cache/timings';
import { connectionWarning, createPool, createServicePool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import { authenticate, runServer } from '@catalog/service-kit';
import { createApp, serviceName as service } from './app.ts';
import { createCatalogCache } from './cache/catalog-cache.ts';
import { NewestChange } from './changes/newest-change.ts';
import { readConfig } from './config.ts';
import { createReadMetrics } from './metrics.ts';
import { ViewCounters } from './products/view-counters.ts';

// Each process has a core of its own (`WORKERS`). Threads that help to collect young garbage would want that core too, and the requests
// would wait for them.
setFlagsFromString('--no-parallel-scavenge');
setFlagsFromString('--no-concurrent-array-buffer-sweeping');

const config = readConfig();
const changesConnections = 3;
const standbyConnections = 6;
/** `currentIncarnation` opens a session for a moment. */
const connections = { processes: config.WORKERS, each: config.DATABASE_POOL_SIZE + changesConnections + 1 };

await runServer({
  service,
  config,
  workers: config.WORKERS,
  async createApp(parts, scope) {
    const { log, metrics, readiness } = parts;
    const readMetrics = createReadMetrics(metrics);
    const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message);

    const pool = createServicePool({
      url: config.DATABASE_URL,
      applicationName: service,
      max: config.DATABASE_POOL_SIZE,
      statementTimeout_ms: timings.load_ms,
      connectTimeout_ms: timings.load_ms,
      log,
    });
    scope.onStop('pool', () => pool.end());

    // Followers take no connection from readers.
    const changesPool = createServicePool({
      url: config.DATABASE_URL,
      applicationName: `${service} changes`,
      max: changesConnections,
      connectTimeout_ms: timings.load_ms,
      log,
    });
    scope.onStop('changes pool', () => changesPool.end());
    const newestChange = new NewestChange(changesPool, warn('cannot look for new changes'));
    scope.run('newest change', newestChange);

    const standby =
      config.DATABASE_STANDBY_URL === undefined
        ? undefined
        : createPool({
            url: config.DATABASE_STANDBY_URL,
            applicationName: `${service} standby`,
            max: standbyConnections,
            statementTimeout_ms: timings.load_ms,
            connectTimeout_ms: timings.load_ms,
            log,
          });
    scope.onStop('standby pool', () => standby?.end());
    const cache = createCatalogCache({
      pool,
      standby,
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
    const views = new ViewCounters({
      redis: stateRedis,
      onLost: readMetrics.onLostViews,
      onError: warn('view counts were lost'),
    });
    scope.run('view counters', views);

    // With either store this process answers at least some requests. Taking it out of service would answer fewer.
    readiness.add('stores', async () => {
      if (cache.status().someRedisIsFresh) return;
      await pool.query('select 1');
    });
    readiness.warn('connections', connectionWarning(pool, connections));

    return createApp({
      ...parts,
      cache,
      pool,
      views,
      rateLimiter: new RateLimiter({
        redis: stateRedis,
        name: service,
        limit: config.RATE_LIMIT_REQUESTS,
        window_ms: config.RATE_LIMIT_WINDOW_SECONDS * 1_000,
        onError: warn('the state Redis failed; this process counts requests alone'),
      }),
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? service,
        log,
        readiness,
        anonymousScopes: config.ALLOW_ANONYMOUS_READS ? ['catalog:read'] : [],
      }),
      bypassesPerSecond: config.BYPASSES_PER_SECOND,
      loadsPerSecond: config.LOADS_PER_SECOND,
      changesPool,
      newestChange,
      streamsPerCaller: config.CHANGE_STREAMS_PER_CALLER,
    });
  },
});
