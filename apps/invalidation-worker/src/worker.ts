import {
  ChangeInvalidator,
  GenerationBumper,
  KeyRefresher,
  type PayloadLoader,
  loadPayloads,
  WorkerCache,
} from '@catalog/cache/worker';
import {
  ChangeSlot,
  type ChangeSource,
  ChangeTraces,
  feedTimings,
  Outbox,
  RegisteredIncarnation,
  SetAsideKeys,
} from '@catalog/change-feed';
import { entities, type Entity } from '@catalog/contracts';
import {
  beginIncarnation,
  entityLoaders,
  wasNeverDrawn,
  type RetentionAges,
  type ServicePool,
} from '@catalog/database';
import { type Part, together, untilAborted, withDeadline } from '@catalog/runtime';
import { type Logger, type Readiness, systemClock } from '@catalog/service-kit';
import type { Auditor } from './audit/auditor.ts';
import { failureReporter } from './failures/report-failure.ts';
import { createFeed } from './feed/feed.ts';
import type { HeldKeyOptions } from './keys/held-key.ts';
import { Heartbeat } from './heartbeat/heartbeat.ts';
import type { WorkerMetrics } from './metrics.ts';
import { PostgresWatch } from './postgres/postgres-watch.ts';
import { Purger } from './purge/purger.ts';
import { addReadinessChecks } from './readiness.ts';
import { createRefresh } from './refresh/refresh.ts';
import { Refresher } from './refresh/refresher.ts';
import { Registration } from './registration/registration.ts';
import { Replayer } from './replay/replayer.ts';
import { SetAside } from './set-aside/set-aside.ts';
import { StateRedis } from './state-redis.ts';
import { ChangeBroadcast } from './traces/change-broadcast.ts';
import { createUpkeep } from './upkeep/upkeep.ts';

export interface WorkerOptions {
  readonly pool: ServicePool;
  /** With `outboxPoolOptions`. */
  readonly outboxPool: ServicePool;
  readonly databaseDirectUrl: string;
  readonly cacheRedisUrl: string;
  readonly stateRedisUrl: string;
  readonly incarnationMode?: 'full' | 'replication-only';
  /** Undefined: the source stays as it is. */
  readonly changeSource?: ChangeSource | undefined;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly readiness: Readiness;
  readonly auditKeysPerSecond: number;
  /** How long rows are kept. */
  readonly ages: RetentionAges;
  /** How long the history of products is kept, rounded up to whole days. */
  readonly historyAge_s: number;
  readonly changesAge_s: number;
  /** Which changes invalidate which keys; those of the catalog unless given. */
  readonly entities?: readonly Entity[];
}

export interface InvalidationWorker extends Part {
  readonly traces: ChangeTraces;
  readonly broadcast: ChangeBroadcast;
  readonly purger: Purger;
  readonly auditor: Auditor;
  /** For looks at single keys. */
  readonly stores: HeldKeyOptions;
}

/** Longer than for a reader: the worker has no other place to ask, and sends thousands of commands at once. */
const cacheCall_ms = 1_000;
/** A job in the middle of its work needs milliseconds. The local stack kills the process after 3.5 s. */
const stopPatience_ms = 2_000;

/** Everything between the outbox and the cache. A stop loses no change. */
export function createInvalidationWorker(options: WorkerOptions): InvalidationWorker {
  const { pool, outboxPool, log, metrics, readiness } = options;
  const reportFailure = failureReporter({
    log,
    clock: systemClock,
    count: (part) => metrics.failures.inc({ part }),
  });

  // The stores.
  const cache = new WorkerCache({
    url: options.cacheRedisUrl,
    name: 'invalidation-worker',
    call_ms: cacheCall_ms,
    database: pool,
    incarnationMode: options.incarnationMode ?? 'full',
    onError: reportFailure('cache'),
  });
  const stateRedis = new StateRedis(options.stateRedisUrl, reportFailure('queue'));
  const outbox = new Outbox(outboxPool);
  const changeSlot = new ChangeSlot(outboxPool);
  const registered = new RegisteredIncarnation(outboxPool);
  const traces = new ChangeTraces(outboxPool);

  // The parts that change the cache.
  const { publisher } = cache;
  const bumper = new GenerationBumper({
    onShard: (key, call) => cache.onShard(key, call),
    now: () => performance.now(),
    behind_ms: () => heartbeat.behind_ms,
  });
  const purger = new Purger({ cache, publisher, bumper });
  const loaders = entityLoaders(pool);
  const loads = new Map(
    entities.map(({ name }): [string, PayloadLoader] => [name, loadPayloads(loaders[name])]),
  );
  const refresher = new Refresher(
    new KeyRefresher({
      shards: cache,
      entities,
      loads,
      onCacheFailed: reportFailure('refresh'),
    }),
  );

  // The parts.
  const registration = new Registration({
    cache,
    registered,
    purgeAll: (reason) => purger.purge({ all: true, reason }),
    log,
    onError: reportFailure('registration'),
  });
  const broadcast = new ChangeBroadcast({
    producer: stateRedis.producer,
    connectSubscriber: () => stateRedis.connectConsumer(reportFailure('broadcast')),
    onError: reportFailure('broadcast'),
  });
  const shared = { stateRedis, cache, store: cache, registration, broadcast, metrics, reportFailure };
  const refresh = createRefresh({ ...shared, refresher, traces });
  const postgres = new PostgresWatch({
    redis: stateRedis.producer,
    pool,
    outboxPool,
    cache,
    beginIncarnation: (seenVersion, incarnation) => beginIncarnation(pool, seenVersion, incarnation),
    wasNeverDrawn: (version) => wasNeverDrawn(pool, version),
    onIncarnation: (timeline) => metrics.postgresIncarnations.inc({ timeline }),
    log,
    onError: reportFailure('postgres watch'),
  });
  const setAside = new SetAside({
    keys: new SetAsideKeys(outboxPool),
    cache,
    publisher,
    bumper,
    registration,
    slotsBack: () => heartbeat.slotsBack,
    log,
    onError: reportFailure('set aside', { tries_ms: feedTimings.retrySetAside_ms }),
  });
  const ofCatalog: readonly Entity[] = options.entities ?? entities;
  const changeInvalidator = new ChangeInvalidator(ofCatalog, cache, publisher);
  const feed = createFeed({
    ...shared,
    changeInvalidator,
    setAside,
    onApplied: (changes) => postgres.noteApplied(changes),
    outbox,
    changeSlot,
    changeSource: options.changeSource,
    onSlotLost(reason) {
      metrics.changeSlotsLost.inc();
      log.error({ reason }, 'the change slot was lost: all entries of the cache are invalidated');
    },
    purge: async (reason) => {
      const incarnation = await registration.current();
      await purger.purge({ all: true, reason });
      if (incarnation === undefined || incarnation !== (await registration.current()))
        throw new Error('another incarnation of the cache was registered during the purge');
    },
    database: pool,
    databaseDirectUrl: options.databaseDirectUrl,
    refreshRequests: refresh.requests,
  });
  const heartbeat = new Heartbeat({
    cache,
    outbox,
    registered,
    postgres,
    registration,
    onError: reportFailure('heartbeat'),
  });
  const lists = [...new Set(ofCatalog.flatMap(({ list }) => list ?? []))];
  const replayer = new Replayer({
    db: outboxPool,
    cache,
    registration,
    changeInvalidator,
    settled: () => heartbeat.settled,
    endLists: (incarnation) => setAside.endLists(lists, incarnation),
    onApplied: (changes) => postgres.noteApplied(changes),
    refresh: (keys) => refresh.requests.add(keys),
    onReplayed: (changes) => metrics.changesReplayed.inc(changes),
    log,
    onError: reportFailure('replay'),
  });
  const upkeep = createUpkeep({
    ...shared,
    pool,
    outboxPool,
    outbox,
    changeSlot,
    setAside,
    ages: options.ages,
    historyAge_s: options.historyAge_s,
    changesAge_s: options.changesAge_s,
    audit: {
      cache,
      store: cache,
      traces,
      loads,
      publisher,
      postgres,
      refresher,
      watermark_ms: () => heartbeat.watermark_ms,
      isSetAside: (entity, cacheKey) => heartbeat.isSetAside(entity, cacheKey),
      keysPerSecond: options.auditKeysPerSecond,
      log,
    },
  });
  addReadinessChecks(readiness, {
    pool,
    cache,
    redis: stateRedis.producer,
    feed,
    heartbeat,
    setAside,
    changeSlot,
  });

  return {
    traces,
    broadcast,
    purger,
    auditor: upkeep.auditor,
    stores: { cache, loads },
    async run(signal) {
      try {
        await Promise.race([stateRedis.ready(), untilAborted(signal)]);
        if (signal.aborted) return;
        await cache.start();
        const parts = together(
          registration,
          replayer,
          postgres,
          feed,
          refresh,
          heartbeat,
          upkeep,
          broadcast,
          setAside,
        ).run(signal);
        await Promise.race([parts, untilAborted(signal)]);
        // A store that is gone answers nothing. Unfinished changes are dispatched again.
        const late = () => new Error(`some parts did not stop within ${stopPatience_ms} ms`);
        await withDeadline(() => parts, { after_ms: stopPatience_ms, late }).catch(reportFailure('stop'));
      } finally {
        await stateRedis.close();
        await cache.stop();
      }
    },
  };
}
