import { ChangeInvalidator, GenerationBumper } from '@catalog/cache/worker';
import { type ChangeSource, type ChangeTraces, feedTimings, SetAsideKeys } from '@catalog/change-feed';
import { entities, type Entity } from '@catalog/contracts';
import { beginIncarnation, wasNeverDrawn, type RetentionAges } from '@catalog/database';
import { type Part, together } from '@catalog/runtime';
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
import { Registration } from './registration/registration.ts';
import { Replayer } from './replay/replayer.ts';
import { SetAside } from './set-aside/set-aside.ts';
import { type StoreOptions, WorkerStores } from './stores.ts';
import { ChangeBroadcast } from './traces/change-broadcast.ts';
import { createUpkeep } from './upkeep/upkeep.ts';

export interface WorkerOptions extends StoreOptions {
  readonly databaseDirectUrl: string;
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

/** Everything between the outbox and the cache. A stop loses no change. */
export function createInvalidationWorker(options: WorkerOptions): InvalidationWorker {
  const { pool, outboxPool, log, metrics, readiness } = options;
  const reportFailure = failureReporter({
    log,
    clock: systemClock,
    count: (part) => metrics.failures.inc({ part }),
  });

  const stores = new WorkerStores(options, reportFailure);
  const { cache, stateRedis, outbox, changeSlot, registered, traces } = stores;

  // The parts that change the cache.
  const { publisher } = cache;
  const bumper = new GenerationBumper({
    onShard: (key, call) => cache.onShard(key, call),
    now: () => performance.now(),
    behind_ms: () => heartbeat.behind_ms,
  });
  const purger = new Purger({ cache, publisher, bumper });

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
  const refresh = createRefresh({ ...shared, pool, traces });
  const { loads, refresher } = refresh;
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
    run: (signal) =>
      stores.runWith(
        together(registration, replayer, postgres, feed, refresh, heartbeat, upkeep, broadcast, setAside),
        signal,
      ),
  };
}
