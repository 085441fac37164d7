import {
  CacheConnection,
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
  REFRESH_QUEUE,
  refreshJobSchema,
  Relay,
} from '@catalog/change-feed';
import { entities, limits, timings } from '@catalog/contracts';
import { databaseIdentity, entityLoaders } from '@catalog/database';
import type { Logger, Readiness } from '@catalog/service-kit';
import { Worker } from 'bullmq';
import type { Pool } from 'pg';
import { Heartbeat } from './heartbeat/heartbeat.ts';
import { Acknowledger } from './invalidate/acknowledger.ts';
import { Invalidator } from './invalidate/invalidate.ts';
import type { WorkerMetrics } from './metrics.ts';
import { Registration } from './outbox/registration.ts';
import { Retention } from './outbox/retention.ts';
import { Refresher } from './refresh/refresh.ts';
import { connectConsumer, connectProducer, refuseEviction } from './state-redis.ts';

export interface InvalidationWorkerOptions {
  readonly pool: Pool;
  readonly databaseDirectUrl: string;
  readonly cacheRedisUrl: string;
  readonly stateRedisUrl: string;
  readonly log: Logger;
  readonly metrics: WorkerMetrics;
  readonly readiness: Readiness;
}

/** Everything between the outbox and the cache. Starts working at `start`, and `stop` loses nothing. */
export function createInvalidationWorker(options: InvalidationWorkerOptions) {
  const { pool, log, metrics, readiness } = options;
  const survive = (part: string) => (error: unknown) => {
    metrics.failures.inc({ part });
    log.warn({ err: error, part }, 'a failure was survived');
  };

  const outbox = new Outbox(pool);
  const connection = new CacheConnection({
    url: options.cacheRedisUrl,
    name: 'invalidation-worker',
    databaseIdentity: () => databaseIdentity(pool),
    onError: survive('cache'),
  });
  const store = new EntryStore(connection);
  const publisher = new InvalidationPublisher(connection);
  const registration = new Registration({
    connection,
    outbox,
    onReplay: (changes) => {
      if (changes > 0) {
        metrics.changesReplayed.inc(changes);
        log.info({ changes }, 'the cache began another life: recent changes are applied again');
      }
      relay.look();
    },
    onError: survive('registration'),
  });

  const onRefused = (incarnation: string) => {
    log.warn({ incarnation }, 'another worker has registered another incarnation of the cache');
    registration.refused(incarnation);
  };

  const producer = connectProducer(options.stateRedisUrl, survive('queue'));
  const consumers = [1, 2].map(() => connectConsumer(options.stateRedisUrl, survive('queue')));
  const invalidationQueue = createInvalidationQueue(producer);
  const refreshQueue = createRefreshQueue(producer);

  const acknowledger = new Acknowledger({
    outbox,
    bumper: new GenerationBumper(connection, () => performance.now()),
    tracesWanted: () => 0,
    onAcknowledged: (_traces, count) => metrics.changesApplied.inc(count),
    onRefused,
    onError: survive('acknowledge'),
  });
  const invalidator = new Invalidator({
    entities,
    store,
    publisher,
    acknowledge: (applied) => acknowledger.add(applied),
    refresh: async (keys) => {
      // After a mass change readers fill what they ask for; a queue of everything would only come too late.
      if ((await refreshQueue.getWaitingCount()) < limits.waitingRefreshJobs) {
        await refreshQueue.add('refresh', { keys });
      }
    },
    onError: survive('invalidate'),
  });
  const loaders = entityLoaders(pool);
  const refresher = new Refresher({
    store,
    entities: entities.map((entity): { entity: typeof entity; load: Load } => ({
      entity,
      load: loadPayloads(loaders[entity.name]),
    })),
  });

  const relay = new Relay({
    outbox,
    awakeLock: new AwakeLock(options.databaseDirectUrl, survive('awake lock')),
    dispatch: (changes) => addInvalidations(invalidationQueue, changes),
    hasRoom: async () =>
      acknowledger.waitingChanges < limits.unacknowledgedChanges &&
      (await invalidationQueue.getWaitingCount()) < limits.waitingJobs,
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

  readiness.add('postgres', () => pool.query('select 1'));
  readiness.add('cache', () => connection.requireIncarnation());
  readiness.add('queue', () => producer.ping());
  readiness.add('heartbeat', () => {
    if (heartbeat.silentFor_ms > timings.bound_ms) throw new Error('no heartbeat could be sent');
  });
  readiness.add('doorbell', () => {
    if (!listener.isListening) throw new Error('the listener does not hear its canary');
  });

  let workers: Worker[] = [];
  return {
    /** For tests and operators. */
    outbox,
    relay,

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
            connection: first,
            concurrency: 8,
          },
        ),
        new Worker(
          REFRESH_QUEUE,
          async (job) => {
            const filled = await refresher.refresh(refreshJobSchema.parse(job.data).keys);
            metrics.keysRefreshed.inc(filled.length);
            await outbox.noteRefreshed(filled.flatMap(({ seqs }) => seqs));
          },
          { connection: second, concurrency: 4 },
        ),
      ];
      for (const worker of workers) {
        worker.on('error', survive(worker.name));
        worker.on('failed', (_job, error) => survive(`${worker.name} job`)(error));
      }
      relay.start();
      listener.start();
      heartbeat.start();
      retention.start();
    },

    async stop(): Promise<void> {
      heartbeat.stop();
      await listener.stop();
      await relay.stop();
      await Promise.all(workers.map((worker) => worker.close()));
      await acknowledger.idle();
      registration.stop();
      await retention.stop();
      await Promise.all([invalidationQueue.close(), refreshQueue.close()]);
      for (const redis of [producer, ...consumers]) redis.disconnect();
      connection.stop();
    },
  };
}
