import { type Outbox, OutboxRetention } from '@catalog/change-feed';
import type { Pool, RetentionAges } from '@catalog/database';
import { type Part, repeat, together } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { FailureReporter } from '../failures/report-failure.ts';
import type { WorkerMetrics } from '../metrics.ts';
import { ViewArchive } from '../views/view-archive.ts';
import { ExpiredRows } from './expired-rows.ts';

const backlogInterval_ms = 5_000;

interface UpkeepOptions {
  readonly pool: Pool;
  readonly outboxPool: Pool;
  readonly outbox: Outbox;
  /** The state Redis. */
  readonly redis: Redis;
  readonly ages: RetentionAges;
  readonly metrics: WorkerMetrics;
  readonly reportFailure: FailureReporter;
}

/** Work by the clock, beside the feed. */
export function createUpkeep(options: UpkeepOptions): Part {
  const { pool, outbox, redis, ages, metrics, reportFailure } = options;
  const backlogMetrics: Part = {
    run: (signal) =>
      repeat(async () => metrics.observeBacklog(await outbox.backlog()), {
        every_ms: backlogInterval_ms,
        signal,
        onError: reportFailure('backlog', { tries_ms: backlogInterval_ms }),
      }),
  };
  return together(
    new OutboxRetention({
      db: options.outboxPool,
      onError: reportFailure('retention', { tries_ms: 15_000 }),
    }),
    new ViewArchive({ redis, pool, reportFailure }),
    new ExpiredRows({ redis, pool, ages, onDeleted: metrics.observeDeleted, reportFailure }),
    backlogMetrics,
  );
}
