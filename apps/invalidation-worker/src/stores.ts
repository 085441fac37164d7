import { WorkerCache } from '@catalog/cache/worker';
import { ChangeSlot, ChangeTraces, Outbox, RegisteredIncarnation } from '@catalog/change-feed';
import type { ServicePool } from '@catalog/database';
import { type Part, untilAborted, withDeadline } from '@catalog/runtime';
import type { FailureReporter } from './failures/report-failure.ts';
import { StateRedis } from './state-redis.ts';

export interface StoreOptions {
  readonly pool: ServicePool;
  /** With `outboxPoolOptions`. */
  readonly outboxPool: ServicePool;
  readonly cacheRedisUrl: string;
  readonly stateRedisUrl: string;
  readonly incarnationMode?: 'full' | 'replication-only';
}

/** Longer than for a reader: the worker has no other place to ask, and sends thousands of commands at once. */
const cacheCall_ms = 1_000;
/** A job in the middle of its work needs milliseconds. The local stack kills the process after 3.5 s. */
const stopPatience_ms = 2_000;

/** What the worker reads and writes: the cache, the state Redis, and its tables in Postgres. */
export class WorkerStores {
  readonly cache: WorkerCache;
  readonly stateRedis: StateRedis;
  readonly outbox: Outbox;
  readonly changeSlot: ChangeSlot;
  readonly registered: RegisteredIncarnation;
  readonly traces: ChangeTraces;
  readonly #reportFailure: FailureReporter;

  constructor(options: StoreOptions, reportFailure: FailureReporter) {
    const { pool, outboxPool } = options;
    this.cache = new WorkerCache({
      url: options.cacheRedisUrl,
      name: 'invalidation-worker',
      call_ms: cacheCall_ms,
      database: pool,
      incarnationMode: options.incarnationMode ?? 'full',
      onError: reportFailure('cache'),
    });
    this.stateRedis = new StateRedis(options.stateRedisUrl, reportFailure('queue'));
    this.outbox = new Outbox(outboxPool);
    this.changeSlot = new ChangeSlot(outboxPool);
    this.registered = new RegisteredIncarnation(outboxPool);
    this.traces = new ChangeTraces(outboxPool);
    this.#reportFailure = reportFailure;
  }

  /** Runs parts that use both Redis servers, from the time when these are there until they are closed. */
  async runWith(parts: Part, signal: AbortSignal): Promise<void> {
    try {
      await Promise.race([this.stateRedis.ready(), untilAborted(signal)]);
      if (signal.aborted) return;
      await this.cache.start();
      const running = parts.run(signal);
      await Promise.race([running, untilAborted(signal)]);
      // A store that is gone answers nothing. Unfinished changes are dispatched again.
      const late = () => new Error(`some parts did not stop within ${stopPatience_ms} ms`);
      await withDeadline(() => running, { after_ms: stopPatience_ms, late }).catch(
        this.#reportFailure('stop'),
      );
    } finally {
      await this.stateRedis.close();
      await this.cache.stop();
    }
  }
}
