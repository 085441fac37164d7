import { createPool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness,
  runService,
  startServer,
  systemClock,
} from '@catalog/service-kit';
import { createApp, serviceName } from './app.ts';
import { readConfig } from './config.ts';
import { importPoolOptions, uploadTimeout_ms } from './imports/limits.ts';

const config = readConfig();
const log = createLogger({ service: serviceName, level: config.LOG_LEVEL });

await runService({
  log,
  async start(scope) {
    const pool = createPool({ url: config.DATABASE_URL, applicationName: serviceName, log });
    scope.onStop('pool', () => pool.end());
    const importPool = createPool({
      ...importPoolOptions,
      url: config.DATABASE_DIRECT_URL ?? config.DATABASE_URL,
      applicationName: `${serviceName} import`,
      log,
    });
    scope.onStop('import pool', () => importPool.end());
    const stateRedis = connectStateRedis({
      url: config.STATE_REDIS_URL,
      name: serviceName,
      onError: (error) => log.warn({ err: error }, 'the state Redis failed'),
    });
    scope.onStop('state redis', () => stateRedis.disconnect());
    const ready = readiness();
    // The state Redis is not a condition. Without it this process still writes products and imports files.
    ready.add('postgres', () => pool.query('select 1'));
    const app = createApp({
      pool,
      importPool,
      stateRedis,
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
        onError: (error) =>
          log.warn({ err: error }, 'only this process counts requests, because the state Redis is away'),
      }),
      clock: systemClock,
      log,
      metrics: createMetrics({ service: serviceName }),
      readiness: ready,
      trustedProxies: config.TRUSTED_PROXIES,
    });
    const server = await startServer({
      app,
      port: config.PORT,
      host: config.HOST,
      log,
      requestTimeout_ms: uploadTimeout_ms,
    });
    scope.onStop('server', () => server.drain());
  },
});
