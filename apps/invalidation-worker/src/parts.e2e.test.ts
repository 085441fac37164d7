/** Every part of the worker starts and stops in any order, and leaves nothing behind. */
import { ChangeInvalidator, GenerationBumper, WorkerCache } from '@catalog/cache/worker';
import {
  ChangeSlot,
  ChangeTraces,
  createRefreshQueue,
  INVALIDATION_QUEUE,
  Outbox,
  outboxPoolOptions,
  RegisteredIncarnation,
  SetAsideKeys,
} from '@catalog/change-feed';
import { entities } from '@catalog/contracts';
import { createServicePool, type ServicePool } from '@catalog/database';
import type { Part } from '@catalog/runtime';
import { createLogger, createMetrics } from '@catalog/service-kit';
import { eventually, stressPart } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Acknowledger } from './feed/apply-changes.ts';
import { JobConsumer } from './feed/job-consumer.ts';
import { Heartbeat } from './heartbeat/heartbeat.ts';
import { createWorkerMetrics } from './metrics.ts';
import { PostgresWatch } from './postgres/postgres-watch.ts';
import { RefreshRequests } from './refresh/refresh-requests.ts';
import { Registration } from './registration/registration.ts';
import { Replayer } from './replay/replayer.ts';
import { SetAside } from './set-aside/set-aside.ts';
import { StateRedis } from './state-redis.ts';
import { startStores, type Stores } from './testing/running-worker.ts';
import { ChangeBroadcast } from './traces/change-broadcast.ts';
import { createUpkeep } from './upkeep/upkeep.ts';

const ignore = () => undefined;

let stores: Stores;
let pool: ServicePool;
let cache: WorkerCache;
let stateRedis: StateRedis;
beforeAll(async () => {
  stores = await startStores();
  const url = stores.database.urlFor('invalidation_worker');
  pool = createServicePool({ ...outboxPoolOptions, url, applicationName: 'parts' });
  // The pool keeps its connections. Open them before the stress counts what is left behind.
  const sessions = await Promise.all(Array.from({ length: 6 }, () => pool.connect()));
  for (const session of sessions) session.release();
  cache = new WorkerCache({
    url: stores.cacheRedis.url,
    name: 'parts',
    database: pool,
    onError: ignore,
  });
  stateRedis = new StateRedis(stores.stateRedis.url, ignore);
  await Promise.all([cache.start(), stateRedis.ready()]);
  await eventually(() => cache.incarnation !== undefined);
});
afterAll(async () => {
  await stateRedis.close();
  await cache.stop();
  await pool.end();
  await stores[Symbol.asyncDispose]();
});

const log = createLogger({ service: 'parts', destination: { write: ignore } });
const registered = {
  isRegistered: () => true,
  current: async () => 'x',
  refused: ignore,
  onChange: () => ignore,
};
const bumper = () =>
  new GenerationBumper({
    onShard: (key, call) => cache.onShard(key, call),
    now: () => performance.now(),
    behind_ms: () => 0,
  });

const setAside = () =>
  new SetAside({
    keys: new SetAsideKeys(pool),
    cache,
    publisher: cache.publisher,
    bumper: bumper(),
    registration: registered,
    slotsBack: () => [],
    log,
    onError: ignore,
  });

const parts: Record<string, () => Part> = {
  'set aside': setAside,
  acknowledger() {
    const acknowledger = new Acknowledger({
      outbox: new Outbox(pool),
      cache,
      bump: (lists) => Promise.all(lists.map((list) => bumper().bump(list))),
      registered: registered.current,
      isCurrent: () => true,
      tracesWanted: () => 0,
      onAcknowledged: ignore,
      onRefused: ignore,
      onError: ignore,
    });
    const changes = [{ seq: 1, transaction: 1, entity: 'product', key: 'k', version: 1, appliedTo: 'x' }];
    acknowledger.add({ changes, lists: [], appliedAt_ms: 0, queued_ms: 0 });
    return acknowledger;
  },
  broadcast() {
    const broadcast = new ChangeBroadcast({
      producer: stateRedis.producer,
      connectSubscriber: () => stateRedis.connectConsumer(ignore),
      onError: ignore,
    });
    broadcast.listen(ignore);
    return broadcast;
  },
  heartbeat: () =>
    new Heartbeat({
      cache,
      outbox: new Outbox(pool),
      registered: new RegisteredIncarnation(pool),
      postgres: { confirms: async () => true },
      registration: registered,
      onError: ignore,
    }),
  'postgres watch': () =>
    new PostgresWatch({
      redis: stateRedis.producer,
      pool,
      outboxPool: pool,
      cache,
      beginIncarnation: async () => true,
      wasNeverDrawn: async () => false,
      onIncarnation: ignore,
      log,
      onError: ignore,
    }),
  'job consumer': () =>
    new JobConsumer({
      queue: INVALIDATION_QUEUE,
      connect: () => stateRedis.connectConsumer(ignore),
      handle: async () => undefined,
      registration: registered,
      onError: ignore,
    }),
  'refresh requests'() {
    const requests = new RefreshRequests({
      queue: createRefreshQueue(stateRedis.producer),
      entities,
      store: cache,
      onError: ignore,
    });
    requests.add([{ entity: 'product', key: 'x', seqs: [1] }]);
    return requests;
  },
  registration: () =>
    new Registration({
      cache,
      registered: new RegisteredIncarnation(pool),
      purgeAll: async () => undefined,
      log,
      onError: ignore,
    }),
  replayer: () =>
    new Replayer({
      db: pool,
      cache,
      registration: registered,
      changeInvalidator: new ChangeInvalidator(entities, cache, cache.publisher),
      settled: () => new Set(),
      endLists: async () => undefined,
      onApplied: ignore,
      refresh: ignore,
      onReplayed: ignore,
      log,
      onError: ignore,
    }),
  upkeep: () =>
    createUpkeep({
      pool,
      outboxPool: pool,
      outbox: new Outbox(pool),
      changeSlot: new ChangeSlot(pool),
      setAside: setAside(),
      stateRedis,
      ages: { tombstones_s: 86_400, idempotencyKeys_s: 86_400, imports_s: 86_400, actions_s: 86_400 },
      historyAge_s: 1,
      changesAge_s: 1,
      metrics: createWorkerMetrics(createMetrics({ service: 'parts' })),
      reportFailure: () => ignore,
      audit: {
        postgres: { noteEntryBeyond: async () => undefined },
        cache,
        store: cache,
        traces: new ChangeTraces(pool),
        loads: new Map(),
        publisher: cache.publisher,
        refresher: { refresh: async () => [] },
        watermark_ms: () => 0,
        isSetAside: () => false,
        keysPerSecond: 1_000,
        log,
      },
    }),
};

test.each(Object.entries(parts))('%s', async (_name, create) => {
  await expect(stressPart(create)).resolves.toBeUndefined();
});
