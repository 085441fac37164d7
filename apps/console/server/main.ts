import { createInvalidationQueue, createRefreshQueue } from '@catalog/change-feed';
import { createServicePool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import { runServer } from '@catalog/service-kit';
import { Accounts } from './accounts/accounts.ts';
import { createPasswordHasher } from './accounts/password-hash.ts';
import { createProfileCache } from './accounts/profile-cache.ts';
import { createApp, serviceName } from './app.ts';
import { ActionLog } from './audit-log/action-log.ts';
import { StackSocket } from './break-it/stack-socket.ts';
import { readConfig } from './config.ts';
import { clockOffset_ms } from './follow/clock-offset.ts';
import { Series } from './overview/series.ts';
import { systemState } from './overview/state.ts';
import { openCachePing } from './overview/stores.ts';
import { ServiceCaller } from './services/caller.ts';
import { longestFile_ms } from './services/forwarded.ts';
import { tokenSigner } from './services/service-key.ts';
import { createThrottle } from './sign-in/throttle.ts';

const config = readConfig();
/** Two figures for each point of the finest plot would only cost requests. */
const sample_ms = 2_000;

/** In 10 s. A change of many products sends about a thousand, and nobody may keep others from the console or its audit log. */
const requestsOfPerson = 2_000;

await runServer({
  service: serviceName,
  config,
  // All other bodies have a shorter limit of their own.
  requestTimeout_ms: longestFile_ms,
  async createApp(parts, scope) {
    const { clock, log, readiness } = parts;
    const sign = await tokenSigner(config.SERVICE_KEY_FILE, clock);
    const pool = createServicePool({
      url: config.DATABASE_URL,
      applicationName: serviceName,
      max: 4,
      statementTimeout_ms: 1_000,
      connectTimeout_ms: 1_000,
      log,
    });
    scope.onStop('pool', () => pool.end());
    const redis = connectStateRedis({
      url: config.STATE_REDIS_URL,
      name: serviceName,
      call_ms: 2_000,
      onError: (error) => log.warn({ err: error }, 'the state Redis failed'),
    });
    scope.onStop('redis', () => redis.disconnect());
    const queues = [createInvalidationQueue(redis), createRefreshQueue(redis)];
    for (const queue of queues) {
      queue.on('error', (error) => log.warn({ err: error, queue: queue.name }, 'a queue failed'));
      scope.onStop(`queue ${queue.name}`, () => queue.close());
    }

    const accounts = new Accounts(pool, createPasswordHasher());
    if (config.FIRST_ADMIN_PASSWORD !== undefined) {
      const { FIRST_ADMIN_USERNAME: user, FIRST_ADMIN_PASSWORD: password } = config;
      if (await accounts.createFirstAdmin(user, password)) log.info({ user }, 'created the first admin');
    }

    const profileCache = createProfileCache({
      find: (id) => accounts.find(id),
      cacheRedisUrl: config.CACHE_REDIS_URL,
      database: pool,
      incarnationMode: config.CACHE_INCARNATION_MODE,
      onError: (error) => log.warn({ err: error }, 'the cache Redis failed'),
    });
    scope.onStop('profile cache', () => profileCache.stop());
    await profileCache.start();

    const cacheRedis = openCachePing(config.CACHE_REDIS_URL, `${serviceName} overview`);
    scope.onStop('ping of the cache Redis', () => cacheRedis?.disconnect());

    const actions = new ActionLog(pool, log);
    const state = systemState({
      services: [
        { name: 'catalog-read', url: config.CATALOG_READ_URL },
        { name: 'catalog-write', url: config.CATALOG_WRITE_URL },
        { name: 'invalidation-worker', url: config.INVALIDATION_WORKER_URL },
        ...(config.ORDERS_URL === undefined ? [] : [{ name: 'orders', url: config.ORDERS_URL }]),
      ],
      workerUrl: config.INVALIDATION_WORKER_URL,
      readUrl: config.CATALOG_READ_URL,
      stores: {
        postgres: () => pool.query('select 1'),
        ...(cacheRedis !== undefined && { cacheRedis: () => cacheRedis.ping() }),
        stateRedis: () => redis.ping(),
      },
      queues,
      actions,
      clock,
    });
    const series = new Series();
    // The plots need figures also while nobody looks.
    const sampling = setInterval(() => void state().then((now) => series.add(now)), sample_ms);
    scope.onStop('sampling', () => clearInterval(sampling));

    readiness.add('postgres', () => pool.query('select 1'));
    readiness.add('queue', () => redis.ping());
    return createApp({
      ...parts,
      accounts,
      profiles: profileCache.profiles,
      redis,
      queues,
      throttle: createThrottle(redis),
      caller: new ServiceCaller(
        {
          'catalog-read': config.CATALOG_READ_URL,
          'catalog-write': config.CATALOG_WRITE_URL,
          'invalidation-worker': config.INVALIDATION_WORKER_URL,
          orders: config.ORDERS_URL,
        },
        sign,
      ),
      sign,
      clockOffset_ms: () => clockOffset_ms(pool),
      state,
      series,
      actions,
      rateLimiter: new RateLimiter({
        redis,
        name: serviceName,
        limit: requestsOfPerson,
        window_ms: 10_000,
        onError: (error) =>
          log.warn({ err: error }, 'the state Redis failed; this process counts requests alone'),
      }),
      readUrl: config.CATALOG_READ_URL,
      ...(config.BREAK_SOCKET !== undefined && { stackSocket: new StackSocket(config.BREAK_SOCKET) }),
      sessionSecret: config.SESSION_SECRET,
      origin: config.origin,
    });
  },
});
