import { loadSql, type Queryable } from '@catalog/database';
import { type Part, repeat } from '@catalog/runtime';
import { feedTimings } from '../timings.ts';

const sql = {
  deleteApplied: loadSql(import.meta.url, './delete-applied.sql'),
  deleteRefreshed: loadSql(import.meta.url, './delete-refreshed.sql'),
};

const interval_ms = 15_000;
const batch = 20_000;

export interface OutboxRetentionOptions {
  /** A pool with `outboxPoolOptions`. */
  readonly db: Queryable;
  readonly onError: (error: unknown) => void;
}

/** Deletes changes that were applied longer ago than the replay window, in bulk, so that the outbox stays small. */
export class OutboxRetention implements Part {
  readonly #options: OutboxRetentionOptions;

  constructor(options: OutboxRetentionOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    await repeat(() => this.#deleteOld(signal), { every_ms: interval_ms, signal, onError });
  }

  async #deleteOld(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.deleteApplied(batch)) === batch);
    await this.deleteRefreshed();
  }

  /** @returns how many were deleted; call again while that is `limit` */
  async deleteApplied(limit: number): Promise<number> {
    const { rowCount } = await this.#options.db.query(sql.deleteApplied, [
      feedTimings.replayWindow_ms,
      limit,
    ]);
    return rowCount ?? 0;
  }

  /** Deletes notes of refreshes that are older than the replay window. */
  async deleteRefreshed(): Promise<void> {
    await this.#options.db.query(sql.deleteRefreshed, [feedTimings.replayWindow_ms]);
  }
}
