import { type ChangeSlot, type Outbox, OutboxRetention } from '@catalog/change-feed';
import { forgetWords, joinProductCounts, type Pool, type RetentionAges } from '@catalog/database';
import { type Part, repeat, together } from '@catalog/runtime';
import { Auditor, type AuditorOptions } from '../audit/auditor.ts';
import type { FailureReporter } from '../failures/report-failure.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { SetAside } from '../set-aside/set-aside.ts';
import type { StateRedis } from '../state-redis.ts';
import { ViewTotals } from '../views/view-totals.ts';
import { changeMarks } from './change-marks.ts';
import { ExpiredRows } from './expired-rows.ts';
import { HistoryPartitions } from './history-partitions.ts';

const backlogInterval_ms = 5_000;
/** Each change adds up to four rows. A list sums up the rows that are added in this time within a few milliseconds. */
const countsInterval_ms = 10_000;
const wordsInterval_ms = 10_000;
/** A look at a word takes about 0.1 ms. */
const wordsAtOnce = 1_000;
/** After a mass change a look takes much longer, and a query may take 5 s. */
const wordsAtOnce_ms = 1_000;

interface UpkeepOptions {
  readonly pool: Pool;
  readonly outboxPool: Pool;
  readonly outbox: Outbox;
  readonly changeSlot: Pick<ChangeSlot, 'summary'>;
  readonly setAside: SetAside;
  readonly stateRedis: StateRedis;
  readonly ages: RetentionAges;
  readonly historyAge_s: number;
  readonly changesAge_s: number;
  readonly audit: Omit<AuditorOptions, 'onFound' | 'onError'>;
  readonly metrics: WorkerMetrics;
  readonly reportFailure: FailureReporter;
}

export interface Upkeep extends Part {
  readonly auditor: Auditor;
}

/** Work that is done at fixed times, independent of the feed. */
export function createUpkeep(options: UpkeepOptions): Upkeep {
  const { pool, outbox, changeSlot, setAside, ages, historyAge_s, changesAge_s, metrics, reportFailure } =
    options;
  const redis = options.stateRedis.producer;
  const auditor = new Auditor({
    ...options.audit,
    onFound: metrics.observeAudited,
    onError: reportFailure('audit'),
  });
  metrics.observeAudits(() => auditor.sinceStart.result());
  const observeBacklog = async () => {
    metrics.observeBacklog(await outbox.backlog());
    metrics.observeChangeSlot(await changeSlot.summary());
    metrics.keysSetAside.set((await setAside.summary()).count);
  };
  const backlogMetrics: Part = {
    run: (signal) =>
      repeat(observeBacklog, {
        every_ms: backlogInterval_ms,
        signal,
        onError: reportFailure('backlog', { tries_ms: backlogInterval_ms }),
      }),
  };
  const productCounts: Part = {
    run: (signal) =>
      repeat(() => joinProductCounts(pool), {
        every_ms: countsInterval_ms,
        signal,
        onError: reportFailure('product counts', { tries_ms: countsInterval_ms }),
      }),
  };
  const knownWords: Part = {
    run: (signal) =>
      repeat(() => forgetWords(pool, wordsAtOnce, wordsAtOnce_ms), {
        every_ms: wordsInterval_ms,
        signal,
        onError: reportFailure('known words', { tries_ms: wordsInterval_ms }),
      }),
  };
  const parts = together(
    auditor,
    new OutboxRetention({
      db: options.outboxPool,
      onError: reportFailure('retention', { tries_ms: 15_000 }),
    }),
    new ViewTotals({ redis, pool, reportFailure }),
    new ExpiredRows({ redis, pool, ages, onDeleted: metrics.observeDeleted, reportFailure }),
    new HistoryPartitions({
      pool,
      age_s: historyAge_s,
      onDropped: () => metrics.historyDaysDropped.inc(),
      reportFailure,
    }),
    changeMarks(pool, changesAge_s, reportFailure),
    backlogMetrics,
    productCounts,
    knownWords,
  );
  return { auditor, run: (signal) => parts.run(signal) };
}
