import { createServicePool, refusePooler } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import { authenticate, runServer } from '@catalog/service-kit';
import { createApp, serviceName } from './app.ts';
import { readConfig } from './config.ts';
import { importPoolOptions, uploadTimeout_ms } from './imports/limits.ts';

const config = readConfig();

await runServer({
  service: serviceName,
  config,
  requestTimeout_ms: uploadTimeout_ms,
  async createApp(parts, scope) {
    const { log, readiness } = parts;
    const pool = createServicePool({ url: config.DATABASE_URL, applicationName: serviceName, log });
    scope.onStop('pool', () => pool.end());
    const databaseDirectUrl = config.DATABASE_DIRECT_URL ?? config.DATABASE_URL;
    await refusePooler(databaseDirectUrl, serviceName);
    const importPool = createServicePool({
      ...importPoolOptions,
      url: databaseDirectUrl,
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
    // The state Redis is not a condition. Without it this process still writes products and imports files.
    readiness.add('postgres', () => pool.query('select 1'));
    return createApp({
      ...parts,
      pool,
      importPool,
      stateRedis,
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
        onError: (error) =>
          log.warn({ err: error }, 'only this process counts requests, because the state Redis is away'),
      }),
    });
  },
});
