import { outboxPoolOptions } from '@catalog/change-feed';
import { createServicePool, refusePooler } from '@catalog/database';
import { authenticate, runServer } from '@catalog/service-kit';
import { createApp, serviceName as service } from './app.ts';
import { readConfig } from './config.ts';
import { createWorkerMetrics } from './metrics.ts';
import { createInvalidationWorker } from './worker.ts';

const day_s = 86_400;
const config = readConfig();

await runServer({
  service,
  config,
  async createApp(parts, scope) {
    const { log, metrics, readiness } = parts;
    const databaseDirectUrl = config.DATABASE_DIRECT_URL ?? config.DATABASE_URL;
    await refusePooler(databaseDirectUrl, service);
    const pool = createServicePool({
      url: config.DATABASE_URL,
      applicationName: service,
      max: 10,
      log,
      // The worker repeats what a crash of Postgres undoes.
      synchronousCommit: 'off',
    });
    scope.onStop('pool', () => pool.end());
    const outboxPool = createServicePool({
      ...outboxPoolOptions,
      // This pool has settings of its own.
      url: databaseDirectUrl,
      applicationName: `${service} outbox`,
      log,
    });
    scope.onStop('outbox pool', () => outboxPool.end());
    const worker = createInvalidationWorker({
      pool,
      outboxPool,
      databaseDirectUrl,
      cacheRedisUrl: config.CACHE_REDIS_URL,
      stateRedisUrl: config.STATE_REDIS_URL,
      incarnationMode: config.CACHE_INCARNATION_MODE,
      changeSource: config.CHANGE_SOURCE,
      log,
      metrics: createWorkerMetrics(metrics),
      readiness,
      auditKeysPerSecond: config.AUDIT_KEYS_PER_SECOND,
      ages: {
        tombstones_s: config.KEEP_TOMBSTONES_DAYS * day_s,
        idempotencyKeys_s: config.KEEP_IDEMPOTENCY_KEYS_HOURS * 3_600,
        imports_s: config.KEEP_IMPORTS_DAYS * day_s,
        actions_s: config.KEEP_ACTIONS_DAYS * day_s,
      },
      changesAge_s: config.KEEP_CHANGES_DAYS * day_s,
      historyAge_s: Math.max(config.KEEP_HISTORY_DAYS, config.KEEP_CHANGES_DAYS + 1) * day_s,
    });
    scope.run('worker', worker);
    return createApp({
      ...parts,
      worker,
      authenticate: authenticate({
        jwksFile: config.SERVICE_JWKS_FILE,
        audience: config.SERVICE_AUDIENCE ?? service,
        log,
        readiness,
      }),
    });
  },
});
