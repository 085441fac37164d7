import { type HeldLock, Lock } from '@catalog/redis';
import { deleteExpired, type Deleted, type Pool, type RetentionAges } from '@catalog/database';
import type { Clock } from '@catalog/service-kit';
import type { Redis } from 'ioredis';

const interval_ms = 3_600_000;
/** A few hundred milliseconds of work; more wait for the next round at once. */
const chunk = 5_000;
/** Begins again with each chunk, which takes a small part of it; holds up the others so long if its holder dies. */
const lock_ms = 60_000;

interface ExpiredRowsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly ages: RetentionAges;
  readonly clock: Clock;
  readonly onDeleted: (deleted: Deleted) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Once an hour, deletes the rows that are older than they are to be kept. Of several workers one does it at a time, which
 * spares Postgres the others' search. The deletes need no fence: what one has deleted, another does not find.
 */
export class ExpiredRows {
  readonly #options: ExpiredRowsOptions;
  readonly #lock: Lock;
  #timer: unknown;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ExpiredRowsOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: 'expired-rows', ttl_ms: lock_ms });
  }

  start(): void {
    this.#working = this.#turn();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
    await this.#working;
  }

  async #turn(): Promise<void> {
    const { clock, onError } = this.#options;
    try {
      await using lock = await this.#lock.acquire();
      if (lock !== undefined) await this.#deleteAll(lock);
    } catch (error) {
      onError(error);
    }
    if (!this.#stopped) this.#timer = clock.setTimeout(() => this.start(), interval_ms);
  }

  async #deleteAll(lock: HeldLock): Promise<void> {
    const { pool, ages, onDeleted } = this.#options;
    for (let full = true; full && !this.#stopped;) {
      const deleted = await deleteExpired(pool, ages, chunk);
      onDeleted(deleted);
      full = Object.values(deleted).some((rows) => rows === chunk);
      // Where it has ended, another worker goes on.
      if (full && !(await lock.extend())) return;
    }
  }
}
