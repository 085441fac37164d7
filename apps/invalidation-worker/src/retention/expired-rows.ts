import { deleteExpired, type Deleted, type Pool, type RetentionAges } from '@catalog/database';
import type { Clock } from '@catalog/service-kit';

const interval_ms = 3_600_000;
/** A few hundred milliseconds of work; more wait for the next round at once. */
const chunk = 5_000;

interface ExpiredRowsOptions {
  readonly pool: Pool;
  readonly ages: RetentionAges;
  readonly clock: Clock;
  readonly onDeleted: (deleted: Deleted) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Once an hour, deletes the rows that are older than they are to be kept. Any number of workers may do so at once: what
 * one has deleted, the others do not find.
 */
export class ExpiredRows {
  readonly #options: ExpiredRowsOptions;
  #timer: unknown;
  #working: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: ExpiredRowsOptions) {
    this.#options = options;
  }

  start(): void {
    this.#working = this.#deleteAll();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#options.clock.clearTimeout(this.#timer);
    await this.#working;
  }

  async #deleteAll(): Promise<void> {
    const { pool, ages, clock, onDeleted, onError } = this.#options;
    try {
      for (let full = true; full && !this.#stopped;) {
        const deleted = await deleteExpired(pool, ages, chunk);
        onDeleted(deleted);
        full = Object.values(deleted).some((rows) => rows === chunk);
      }
    } catch (error) {
      onError(error);
    }
    if (!this.#stopped) this.#timer = clock.setTimeout(() => this.start(), interval_ms);
  }
}
