import { outboxPoolOptions } from '@catalog/change-feed';
import { createPool } from '@catalog/database';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness as createReadiness,
  runService,
  startServer,
  systemClock,
} from '@catalog/service-kit';
import { createApp, serviceName as service } from './app.ts';
import { readConfig } from './config.ts';
import { createWorkerMetrics } from './metrics.ts';
import { ExpiredRows } from './retention/expired-rows.ts';
import { createInvalidationWorker } from './worker.ts';

const day_s = 86_400;
const config = readConfig();
const log = createLogger({ service, level: config.LOG_LEVEL });

await runService({
  log,
  async start(scope) {
    const metrics = createMetrics({ service });
    const workerMetrics = createWorkerMetrics(metrics);
    const readiness = createReadiness();
    const pool = createPool({
      url: config.DATABASE_URL,
      applicationName: service,
      max: 10,
      log,
      // What a crash of Postgres undoes is done again.
      synchronousCommit: 'off',
    });
    scope.onStop('pool', () => pool.end());
    const outboxPool = createPool({
      ...outboxPoolOptions,
      url: config.DATABASE_URL,
      applicationName: `${service} outbox`,
      log,
    });
    scope.onStop('outbox pool', () => outboxPool.end());
    const worker = createInvalidationWorker({
      pool,
      outboxPool,
      databaseDirectUrl: config.DATABASE_DIRECT_URL ?? config.DATABASE_URL,
      cacheRedisUrl: config.CACHE_REDIS_URL,
      stateRedisUrl: config.STATE_REDIS_URL,
      incarnationMode: config.CACHE_INCARNATION_MODE,
      log,
      metrics: workerMetrics,
      readiness,
      auditKeysPerSecond: config.AUDIT_KEYS_PER_SECOND,
    });
    const observer = setInterval(() => {
      worker.outbox.backlog().then(workerMetrics.observeBacklog, (error: unknown) => {
        log.warn({ err: error }, 'the backlog could not be measured');
      });
    }, 5_000);
    scope.onStop('observer', () => clearInterval(observer));

    const expiredRows = new ExpiredRows({
      redis: worker.stateRedis,
      pool,
      ages: {
        history_s: config.KEEP_HISTORY_DAYS * day_s,
        tombstones_s: config.KEEP_TOMBSTONES_DAYS * day_s,
        idempotencyKeys_s: config.KEEP_IDEMPOTENCY_KEYS_HOURS * 3_600,
        imports_s: config.KEEP_IMPORTS_DAYS * day_s,
      },
      clock: systemClock,
      onDeleted: workerMetrics.observeDeleted,
      onError: (error) => log.warn({ err: error }, 'expired rows could not be deleted'),
    });

    const app = createApp({
      worker,
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? service,
        log,
      }),
      log,
      metrics,
      readiness,
      trustedProxies: config.TRUSTED_PROXIES,
    });
    const server = await startServer({ app, port: config.PORT, host: config.HOST, log });
    scope.onStop('worker', () => worker.stop());
    // Before the worker, whose connection its lock is on.
    scope.onStop('expired rows', () => expiredRows.stop());
    scope.onStop('server', () => server.drain());
    await worker.start();
    expiredRows.start();
  },
});
