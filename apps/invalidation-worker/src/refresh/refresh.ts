import { KeyRefresher, loadPayloads, type PayloadLoader, type WorkerCache } from '@catalog/cache/worker';
import { type ChangeTraces, createRefreshQueue, REFRESH_QUEUE, refreshJobSchema } from '@catalog/change-feed';
import { entities } from '@catalog/contracts';
import { entityLoaders, type ServicePool } from '@catalog/database';
import { type Part, together } from '@catalog/runtime';
import type { FailureReporter } from '../failures/report-failure.ts';
import { JobConsumer } from '../feed/job-consumer.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Registration } from '../registration/registration.ts';
import type { StateRedis } from '../state-redis.ts';
import type { ChangeBroadcast } from '../traces/change-broadcast.ts';
import { RefreshRequests } from './refresh-requests.ts';
import { Refresher } from './refresher.ts';

interface RefreshOptions {
  readonly stateRedis: StateRedis;
  readonly cache: WorkerCache;
  readonly pool: ServicePool;
  readonly registration: Registration;
  readonly traces: ChangeTraces;
  readonly broadcast: ChangeBroadcast;
  readonly metrics: WorkerMetrics;
  readonly reportFailure: FailureReporter;
}

export interface Refresh extends Part {
  readonly requests: RefreshRequests;
  readonly refresher: Refresher;
  /** By entity. */
  readonly loads: ReadonlyMap<string, PayloadLoader>;
}

/** Keys that were in use when they were invalidated: requests, queue, and the workers that fill them again. */
export function createRefresh(options: RefreshOptions): Refresh {
  const { stateRedis, cache, pool, registration, traces, broadcast, metrics, reportFailure } = options;
  const loaders = entityLoaders(pool);
  const loads = new Map(
    entities.map(({ name }): [string, PayloadLoader] => [name, loadPayloads(loaders[name])]),
  );
  const refresher = new Refresher(
    new KeyRefresher({ shards: cache, entities, loads, onCacheFailed: reportFailure('refresh') }),
  );
  const queue = createRefreshQueue(stateRedis.producer);
  queue.on('error', reportFailure('queue'));
  const requests = new RefreshRequests({ queue, entities, store: cache, onError: reportFailure('refresh') });
  const consumer = new JobConsumer({
    queue: REFRESH_QUEUE,
    connect: () => stateRedis.connectConsumer(reportFailure('queue')),
    async handle(job) {
      const filled = await refresher.refresh(refreshJobSchema.parse(job.data).keys);
      metrics.keysRefreshed.inc(filled.length);
      if (filled.length === 0) return;
      broadcast.refreshed(await traces.noteRefreshed(filled.flatMap(({ seqs }) => seqs)));
    },
    registration,
    onError: reportFailure('refresh jobs'),
  });
  return {
    requests,
    refresher,
    loads,
    async run(signal) {
      try {
        await together(requests, consumer).run(signal);
      } finally {
        await queue.close();
      }
    },
  };
}
