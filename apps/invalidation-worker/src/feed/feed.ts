import type { ChangeInvalidator, WorkerCache } from '@catalog/cache/worker';
import {
  AwakeLock,
  type ChangeSlot,
  type ChangeSource,
  type ClaimedChange,
  createInvalidationQueue,
  DoorbellListener,
  INVALIDATION_QUEUE,
  InvalidationJobs,
  invalidationJobSchema,
  Lander,
  type Outbox,
  Relay,
} from '@catalog/change-feed';
import type { Change } from '@catalog/contracts';
import type { ServicePool } from '@catalog/database';
import { type Part, startPart, together } from '@catalog/runtime';
import type { FailureReporter } from '../failures/report-failure.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { RefreshRequests } from '../refresh/refresh-requests.ts';
import type { Registration } from '../registration/registration.ts';
import type { StateRedis } from '../state-redis.ts';
import type { SetAside } from '../set-aside/set-aside.ts';
import type { ChangeBroadcast } from '../traces/change-broadcast.ts';
import { Acknowledger, Invalidator } from './apply-changes.ts';
import { JobConsumer } from './job-consumer.ts';

/** Changes that may be applied and not yet acknowledged. A slow Postgres then slows the feed down, and fills no memory. */
const unacknowledgedChanges = 20_000;

interface FeedOptions {
  readonly changeInvalidator: ChangeInvalidator;
  readonly outbox: Outbox;
  readonly changeSlot: ChangeSlot;
  /** Undefined: the source stays as it is. */
  readonly changeSource: ChangeSource | undefined;
  /** Called when changes may be missing in the change slot. */
  readonly onSlotLost: (reason: string) => void;
  /** Makes sure that the cache holds nothing from before this call. */
  readonly purge: (reason: string) => Promise<void>;
  readonly database: Pick<ServicePool, 'onIncarnation'>;
  readonly databaseDirectUrl: string;
  readonly stateRedis: StateRedis;
  readonly cache: WorkerCache;
  readonly registration: Registration;
  readonly setAside: SetAside;
  readonly onApplied: (changes: readonly Change[]) => void;
  readonly refreshRequests: RefreshRequests;
  readonly broadcast: ChangeBroadcast;
  readonly metrics: WorkerMetrics;
  readonly reportFailure: FailureReporter;
}

export interface Feed extends Part {
  readonly invalidationQueue: ReturnType<typeof createInvalidationQueue>;
  /** Whether the doorbell can be heard. */
  readonly isListening: () => boolean;
}

/** How many changes of each acknowledgement are timed: enough to know how long changes take, at almost no cost. */
const observedChanges = 5;

/** The path of a change: outbox, relay or lander, queue, invalidation, acknowledgement. The parts below are in reverse order. */
export function createFeed(options: FeedOptions): Feed {
  const { outbox, stateRedis, cache, registration, refreshRequests, broadcast, metrics } = options;
  const { reportFailure } = options;

  // 5. The changes are acknowledged in the outbox.
  const acknowledger = new Acknowledger({
    outbox,
    cache,
    bump: (lists, incarnation) => options.setAside.bump(lists, incarnation),
    registered: () => registration.current(),
    isCurrent: (appliedTo) => cache.incarnations.includes(appliedTo),
    tracesWanted: () => Math.max(broadcast.wanted, observedChanges),
    onAcknowledged: (traces, count) => {
      metrics.changesApplied.inc(count);
      for (const { committedAt, appliedAt } of traces.slice(0, observedChanges)) {
        if (committedAt !== null && appliedAt !== null)
          metrics.changeFresh.observe(Math.max(0, Date.parse(appliedAt) - Date.parse(committedAt)) / 1_000);
      }
      broadcast.applied(traces, count);
    },
    onRefused: (incarnation) => registration.refused(incarnation),
    onError: reportFailure('acknowledge'),
  });
  // 4. A change becomes an invalidation.
  const invalidator = new Invalidator({
    changeInvalidator: options.changeInvalidator,
    onApplied: options.onApplied,
    acknowledge: (applied) => acknowledger.add(applied),
    refresh: (keys) => refreshRequests.add(keys),
    setAside: (...refused) => options.setAside.add(...refused),
    onError: reportFailure('invalidate'),
  });
  // 3. A worker takes the job.
  const consumer = new JobConsumer({
    queue: INVALIDATION_QUEUE,
    connect: () => stateRedis.connectConsumer(reportFailure('queue')),
    handle: (job) => invalidator.apply(invalidationJobSchema.parse(job.data).changes, job.timestamp),
    registration,
    onError: reportFailure('invalidation jobs'),
  });
  // 2. The relay moves changes from the outbox to the queue.
  const invalidationQueue = createInvalidationQueue(stateRedis.producer);
  invalidationQueue.on('error', reportFailure('queue'));
  const jobs = new InvalidationJobs(invalidationQueue);
  const awakeLock = new AwakeLock({
    databaseUrl: options.databaseDirectUrl,
    onError: reportFailure('awake lock'),
  });
  const moves = {
    outbox,
    dispatch: (changes: readonly ClaimedChange[]) => jobs.add(changes),
    hasRoom: async () => acknowledger.waitingChanges < unacknowledgedChanges && (await jobs.hasRoom()),
  };
  const relay = new Relay({
    ...moves,
    awakeLock,
    mayDispatch: () => registration.isRegistered(),
    onError: reportFailure('relay'),
  });
  registration.onChange(() => relay.look());
  // If the change slot is the source, the lander moves changes from there to the outbox and to the queue.
  const lander = new Lander({
    ...moves,
    databaseUrl: options.databaseDirectUrl,
    slot: options.changeSlot,
    source: options.changeSource,
    mayHold: () => registration.isRegistered(),
    onWaiting: () => relay.look(),
    onLost: options.onSlotLost,
    purge: options.purge,
    onError: reportFailure('change slot'),
  });
  // 1. The doorbell wakes the relay.
  const listener = new DoorbellListener({
    databaseUrl: options.databaseDirectUrl,
    onRing: () => relay.ring(),
    // A new session may lead to another incarnation of Postgres.
    onListening: () => void cache.relearn(),
    onError: reportFailure('doorbell'),
  });
  options.database.onIncarnation(() => {
    awakeLock.replaceSession();
    listener.replaceSession();
  });

  return {
    invalidationQueue,
    isListening: () => listener.isListening,
    async run(signal) {
      const acknowledging = startPart(acknowledger);
      const consuming = startPart(consumer);
      try {
        await together(listener, relay, lander).run(signal);
      } finally {
        // Stopped in the order of the path, so that each part can still pass its last changes to the next one.
        await consuming.stop();
        await acknowledging.stop();
        await invalidationQueue.close();
      }
    },
  };
}
