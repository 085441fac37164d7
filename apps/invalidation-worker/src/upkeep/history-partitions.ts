import { dropExpiredHistory, makeHistoryPartitions, type Pool } from '@catalog/database';
import { backoff, type Part, pause, repeat } from '@catalog/runtime';
import type { FailureReporter } from '../failures/report-failure.ts';

const interval_ms = 3_600_000;
/**
 * How many days have a partition in advance. Changes of a day without a partition go to the default partition. That happens only
 * when no worker has run for this number of days. The migration makes the same number of partitions.
 */
const daysAhead = 30;
/** A dump of the history can hold its lock for hours. Then the next turn goes on. */
const attempts = 5;
const retryDelay_ms = backoff({ first_ms: 1_000, most_ms: 15_000 });

interface HistoryPartitionsOptions {
  readonly pool: Pool;
  /** How long the history of products is kept, rounded up to whole days. */
  readonly age_s: number;
  readonly onDropped: () => void;
  readonly reportFailure: FailureReporter;
}

/**
 * Makes the partitions of the history of products before their day begins, and drops them when all their rows are too old. It
 * does so once an hour. Postgres lets one worker at a time do it.
 */
export class HistoryPartitions implements Part {
  readonly #options: HistoryPartitionsOptions;

  constructor(options: HistoryPartitionsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = this.#options.reportFailure('history partitions', { tries_ms: interval_ms });
    await repeat(() => this.makeAndDrop(signal), { every_ms: interval_ms, signal, onError });
  }

  async makeAndDrop(signal: AbortSignal): Promise<void> {
    const { pool, age_s, onDropped } = this.#options;
    while (
      !signal.aborted &&
      (await retryWhileLocked(() => makeHistoryPartitions(pool, daysAhead), signal)) > 0
    );
    while (!signal.aborted && (await retryWhileLocked(() => dropExpiredHistory(pool, age_s), signal)))
      onDropped();
  }
}

async function retryWhileLocked<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const isLocked = (error as { code?: unknown }).code === '55P03';
      if (!isLocked || attempt === attempts || signal.aborted) throw error;
      await pause(retryDelay_ms(attempt), signal);
    }
  }
}
