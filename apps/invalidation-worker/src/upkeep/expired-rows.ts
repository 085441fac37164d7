import { deleteExpired, type Deleted, type Pool, type RetentionAges } from '@catalog/database';
import { type HeldLock, Lock } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { FailureReporter } from '../failures/report-failure.ts';

const interval_ms = 3_600_000;
/** Rows of a kind that one statement deletes: a few hundred milliseconds. The next batch follows at once. */
const batch = 5_000;
/** A batch takes a small part of this time, and then extends the lock. When the holder dies, the others wait this long. */
const lock_ms = 60_000;

interface ExpiredRowsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly ages: RetentionAges;
  readonly onDeleted: (deleted: Deleted) => void;
  readonly reportFailure: FailureReporter;
}

/**
 * Deletes rows that are older than they are to be kept, once an hour. A lock lets one worker at a time do it, which saves
 * Postgres the searches of the others. No fence is needed: a second worker would find nothing to delete.
 */
export class ExpiredRows implements Part {
  readonly #options: ExpiredRowsOptions;
  readonly #lock: Lock;

  constructor(options: ExpiredRowsOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: 'expired-rows', ttl_ms: lock_ms });
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = this.#options.reportFailure('expired rows', { tries_ms: interval_ms });
    await repeat(() => this.deleteAll(signal), { every_ms: interval_ms, signal, onError });
  }

  /** Deletes until nothing is left, unless another worker is deleting. */
  async deleteAll(signal: AbortSignal): Promise<void> {
    await using lock = await this.#lock.acquire();
    if (lock !== undefined) await this.#deleteWith(lock, signal);
  }

  async #deleteWith(lock: HeldLock, signal: AbortSignal): Promise<void> {
    const { pool, ages, onDeleted } = this.#options;
    while (!signal.aborted) {
      const deleted = await deleteExpired(pool, ages, batch);
      onDeleted(deleted);
      const isFull = Object.values(deleted).some((rows) => rows === batch);
      // When the lock has expired, the next worker goes on.
      if (!isFull || !(await lock.extend())) return;
    }
  }
}
