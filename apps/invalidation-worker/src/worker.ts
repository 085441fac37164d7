import {
  CacheConnection,
  ChangeInvalidator,
  EntryStore,
  GenerationBumper,
  InvalidationPublisher,
  type Load,
  loadPayloads,
} from '@catalog/cache';
import {
  addInvalidations,
  AwakeLock,
  createInvalidationQueue,
  createRefreshQueue,
  DoorbellListener,
  INVALIDATION_QUEUE,
  invalidationJobSchema,
  Outbox,
  QueueRoom,
  REFRESH_QUEUE,
  refreshJobSchema,
  Relay,
} from '@catalog/change-feed';
import { entities, limits, timings } from '@catalog/contracts';
import { databaseIdentity, entityLoaders } from '@catalog/database';
import type { Logger, Readiness } from '@catalog/service-kit';
import { Worker } from 'bullmq';
import type { Pool } from 'pg';
import { Auditor } from './audit/auditor.ts';
import { Heartbeat } from './heartbeat/heartbeat.ts';
import { Acknowledger } from './invalidate/acknowledger.ts';
import { Invalidator } from './invalidate/invalidate.ts';
import type { WorkerMetrics } from './metrics.ts';
import { Registration } from './outbox/registration.ts';
import { Retention } from './outbox/retention.ts';
import { Purger } from './purge/purger.ts';
import { Refresher } from './refresh/refresh.ts';
import { RefreshRequests } from './refresh/refresh-requests.ts';
import { connectConsumer, connectProducer, refuseEviction } from './state-redis.ts';
import { ChangeBroadcast } from './traces/change-broadcast.ts';
import { ViewArchive } from './views/view-archive.ts';

export interface InvalidationWorkerOptions {
  readonly pool: Pool;
  /** With `outboxPoolOptions`. */
  readonly outboxPool: Pool;
  readonly databaseDirectUrl: string;
  readonly cacheRedisUrl: string;
  readonly stateRedisUrl: string;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly readiness: Readiness;
  readonly auditKeysPerSecond: number;
}

/** Everything between the outbox and the cache. Starts working at `start`, and `stop` loses nothing. */
export function createInvalidationWorker(options: InvalidationWorkerOptions) {
  const { pool, log, metrics, readiness } = options;
  const survive = (part: string) => (error: unknown) => {
    metrics.failures.inc({ part });
    log.warn({ err: error, part }, 'a failure was survived');
  };

  let workers: Worker[] = [];
  const outbox = new Outbox(options.outboxPool);
  const connection = new CacheConnection({
    url: options.cacheRedisUrl,
    name: 'invalidation-worker',
    call_ms: timings.workerCacheCall_ms,
    databaseIdentity: () => databaseIdentity(pool),
    incarnationMode: options.incarnationMode ?? 'full',
    onError: survive('cache'),
  });
  const store = new EntryStore(connection);
  const publisher = new InvalidationPublisher(connection);
  const registration = new Registration({
    connection,
    outbox,
    forgetEntries: () => {
      log.warn('a former life of the cache is back: all its entries are invalidated');
      return purger.purge({ all: true, reason: 'a former life of the cache is back' });
    },
    onRegistered: (changes) => {
      if (changes > 0) {
        metrics.changesReplayed.inc(changes);
        log.info({ changes }, 'the cache began another life: recent changes are applied again');
      }
      workOrPause();
      relay.look();
    },
    onUnregistered: () => workOrPause(),
    onError: survive('registration'),
  });

  /** While nothing that this process applies counts, jobs are left to workers whose work does, if there are any. */
  const workOrPause = () => {
    for (const worker of workers) {
      const done = registration.isRegistered() ? worker.resume() : worker.pause(true);
      done.catch(survive(worker.name));
    }
  };
  const onRefused = (incarnation: string) => {
    log.warn({ incarnation }, 'another worker has registered another incarnation of the cache');
    registration.refused(incarnation);
  };

  const producer = connectProducer(options.stateRedisUrl, survive('queue'));
  const consumers = [1, 2].map(() => connectConsumer(options.stateRedisUrl, survive('queue')));
  const invalidationQueue = createInvalidationQueue(producer);
  const refreshQueue = createRefreshQueue(producer);
  for (const queue of [invalidationQueue, refreshQueue]) queue.on('error', survive('queue'));

  const broadcast = new ChangeBroadcast({
    producer,
    connectSubscriber: () => connectConsumer(options.stateRedisUrl, survive('broadcast')),
    onError: survive('broadcast'),
  });
  const bumper = new GenerationBumper(connection, () => performance.now());
  const acknowledger = new Acknowledger({
    outbox,
    bumper,
    tracesWanted: () => broadcast.wanted,
    onAcknowledged: (traces, count) => {
      metrics.changesApplied.inc(count);
      broadcast.applied(traces, count);
    },
    onRefused,
    onError: survive('acknowledge'),
  });
  const refreshRequests = new RefreshRequests({
    queue: refreshQueue,
    entities,
    store,
    onError: survive('refresh'),
  });
  const invalidator = new Invalidator({
    changeInvalidator: new ChangeInvalidator(entities, connection, publisher),
    acknowledge: (applied) => acknowledger.add(applied),
    refresh: (keys) => refreshRequests.add(keys),
    onError: survive('invalidate'),
  });
  const loaders = entityLoaders(pool);
  const loads = new Map(entities.map(({ name }): [string, Load] => [name, loadPayloads(loaders[name])]));
  const refresher = new Refresher({ store, entities, loads });

  const room = new QueueRoom({
    count: () => invalidationQueue.getWaitingCount(),
    limit: limits.waitingJobs,
  });
  const relay = new Relay({
    outbox,
    awakeLock: new AwakeLock(options.databaseDirectUrl, survive('awake lock')),
    dispatch: async (changes) => room.added(await addInvalidations(invalidationQueue, changes)),
    hasRoom: async () => acknowledger.waitingChanges < limits.unacknowledgedChanges && (await room.hasRoom()),
    mayDispatch: () => registration.isRegistered(),
    onError: survive('relay'),
  });
  const listener = new DoorbellListener({
    databaseUrl: options.databaseDirectUrl,
    onRing: () => relay.ring(),
    // A new session may be one to another life of Postgres.
    onListening: () => void connection.relearn(),
    onError: survive('doorbell'),
  });
  const heartbeat = new Heartbeat({
    connection,
    publisher,
    outbox,
    isRegistered: () => registration.isRegistered(),
    onRefused,
    onError: survive('heartbeat'),
  });
  const retention = new Retention(outbox, survive('retention'));
  const views = new ViewArchive({ redis: producer, pool, onError: survive('views') });
  const purger = new Purger({ connection, publisher, bumper });
  const auditor = new Auditor({
    connection,
    store,
    outbox,
    loads,
    publisher,
    refresher,
    watermark_ms: () => heartbeat.watermark_ms,
    keysPerSecond: options.auditKeysPerSecond,
    log,
    onFound: ({ right, wrong, undecided }) => {
      metrics.auditedEntries.inc({ outcome: 'right' }, right);
      metrics.auditedEntries.inc({ outcome: 'undecided' }, undecided);
      for (const difference of wrong) metrics.auditedEntries.inc({ outcome: difference });
    },
    onError: survive('audit'),
  });
  metrics.observeAudits(() => auditor.sinceStart.result());

  readiness.add('postgres', () => pool.query('select 1'));
  readiness.add('cache', () => connection.requireIncarnation());
  readiness.add('queue', () => producer.ping());
  readiness.add('heartbeat', () => {
    if (heartbeat.silentFor_ms > timings.bound_ms) throw new Error('no heartbeat could be sent');
  });
  readiness.add('doorbell', () => {
    if (!listener.isListening) throw new Error('the listener does not hear its canary');
  });
  // Not a failure of this process: the relay finds what nobody rings for, and whoever keeps the queue full is elsewhere.
  readiness.warn('doorbell', async () => {
    const { rows } = await pool.query<{ usage: number }>('select pg_notification_queue_usage() as usage');
    const usage = rows[0]?.usage ?? 0;
    if (usage < limits.notificationQueueUsage) return undefined;
    const percent = Math.floor(usage * 100);
    return `silent: the NOTIFY queue of Postgres is ${percent} % full, as a session that listens keeps a transaction open`;
  });

  return {
    /** The state Redis. */
    stateRedis: producer,
    outbox,
    broadcast,
    purger,
    auditor,

    async start(): Promise<void> {
      await new Promise<void>((resolve) => {
        if (producer.status === 'ready') resolve();
        else producer.once('ready', () => resolve());
      });
      await refuseEviction(producer);
      await connection.start();
      const [first, second] = consumers;
      if (first === undefined || second === undefined) throw new Error('two consumers are needed');
      workers = [
        new Worker(
          INVALIDATION_QUEUE,
          (job) => invalidator.apply(invalidationJobSchema.parse(job.data).changes, job.timestamp),
          {
            // One at a time: a job has up to 500 changes in flight, and each place that is free asks Redis for more.
            connection: first,
          },
        ),
        new Worker(
          REFRESH_QUEUE,
          async (job) => {
            const filled = await refresher.refresh(refreshJobSchema.parse(job.data).keys);
            metrics.keysRefreshed.inc(filled.length);
            if (filled.length > 0) {
              broadcast.refreshed(await outbox.noteRefreshed(filled.flatMap(({ seqs }) => seqs)));
            }
          },
          { connection: second },
        ),
      ];
      for (const worker of workers) {
        worker.on('error', survive(worker.name));
        worker.on('failed', (_job, error) => survive(`${worker.name} job`)(error));
      }
      workOrPause();
      relay.start();
      listener.start();
      heartbeat.start();
      retention.start();
      views.start();
      auditor.start();
    },

    async stop(): Promise<void> {
      heartbeat.stop();
      broadcast.stop();
      registration.stop();
      await Promise.all([auditor.stop(), listener.stop(), relay.stop()]);
      // A store that is gone answers nobody; what is not finished is dispatched again.
      await atMost(
        stopPatience_ms,
        (async () => {
          await Promise.all(workers.map((worker) => worker.close()));
          await Promise.all([acknowledger.idle(), refreshRequests.stop(), retention.stop(), views.stop()]);
          await Promise.all([invalidationQueue.close(), refreshQueue.close()]);
        })().catch(survive('stop')),
      );
      for (const redis of [producer, ...consumers]) redis.disconnect();
      connection.stop();
    },
  };
}

/** A job in the middle of its work needs milliseconds; the local stack kills after 3.5 s. */
const stopPatience_ms = 2_000;

async function atMost(time_ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, time_ms);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}

export type InvalidationWorker = ReturnType<typeof createInvalidationWorker>;
