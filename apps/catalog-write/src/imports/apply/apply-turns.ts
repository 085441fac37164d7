import { type HeldLock, Lock } from '@catalog/redis';
import { CatalogError } from '@catalog/contracts';
import { LockLost, passFence, type Queryable } from '@catalog/database';
import { pause, repeat, startPart } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Redis } from 'ioredis';

const lockName = 'import-apply';

export interface ApplyTurnsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly log: Logger;
  /** `importLimits` explains the next four. */
  readonly lock_ms: number;
  readonly wait_ms: number;
  readonly poll_ms: number;
  readonly retryAfter_s: number;
}

export interface ApplyTurn extends AsyncDisposable {
  /**
   * Must be the first statement of a transaction that applies an import.
   *
   * @throws CatalogError `unavailable` when a later import has already had its turn
   */
  pass(client: Queryable): Promise<void>;
}

/**
 * Across all processes, one import at a time writes its rows into the products. The others wait here, without an open
 * transaction. This only saves work: two imports that apply at once would wait for each other's rows in Postgres, hold
 * back vacuum meanwhile, and have to try again. Correctness rests on the row locks of Postgres and on `apply`. So while
 * the state Redis is away, imports are applied without turns.
 *
 * Applying an import may take longer than its lock lasts, so the lock is extended meanwhile. The lock can still expire
 * when the process pauses or Redis loses it, and then the next import may begin. At the fence it waits for a transaction
 * that has passed the fence before it. A transaction that has not passed yet is refused there.
 */
export class ApplyTurns {
  readonly #options: ApplyTurnsOptions;
  readonly #lock: Lock;

  constructor(options: ApplyTurnsOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: lockName, ttl_ms: options.lock_ms });
  }

  /**
   * Waits for the turn. Rejects with the reason of `signal` when that aborts.
   *
   * @throws CatalogError `unavailable` when the turn does not come within `wait_ms`
   */
  async take(signal: AbortSignal): Promise<ApplyTurn> {
    const { log, wait_ms, poll_ms, retryAfter_s } = this.#options;
    const until_ms = performance.now() + wait_ms;
    for (;;) {
      let lock: HeldLock | undefined;
      try {
        lock = await this.#lock.acquire();
      } catch (error) {
        log.warn({ err: error }, 'the state Redis is away; an import is applied without a turn');
        return withoutTurn;
      }
      if (lock !== undefined) return this.#turn(lock);
      if (performance.now() >= until_ms) {
        throw new CatalogError('unavailable', 'Another import is being applied. Nothing has changed.', {
          retryAfterSeconds: retryAfter_s,
        });
      }
      // With jitter, so that waiting imports do not all ask at the same moment.
      await pause(poll_ms * (0.5 + Math.random()), signal);
      signal.throwIfAborted();
    }
  }

  #turn(lock: HeldLock): ApplyTurn {
    const { retryAfter_s } = this.#options;
    const extending = startPart({ run: (signal) => this.#keepExtended(lock, signal) });
    return {
      async pass(client) {
        try {
          await passFence(client, lockName, lock.fence);
        } catch (error) {
          if (!(error instanceof LockLost)) throw error;
          throw new CatalogError(
            'unavailable',
            'The turn of this import ended before it was applied. Nothing has changed.',
            { retryAfterSeconds: retryAfter_s, cause: error },
          );
        }
      },
      async [Symbol.asyncDispose]() {
        await extending.stop();
        await lock[Symbol.asyncDispose]();
      },
    };
  }

  async #keepExtended(lock: HeldLock, signal: AbortSignal): Promise<void> {
    const { log, lock_ms } = this.#options;
    const expired = new AbortController();
    const extend = async () => {
      if (await lock.extend()) return;
      expired.abort();
      log.warn('the turn of an import expired while it was applied; the fence protects the products');
    };
    await repeat(extend, {
      signal: AbortSignal.any([signal, expired.signal]),
      // Two attempts may fail before the lock expires.
      every_ms: lock_ms / 3,
      waitFirst: true,
      onError: (error) => log.warn({ err: error }, 'the turn of an import was not extended'),
    });
  }
}

const withoutTurn: ApplyTurn = {
  async pass() {},
  async [Symbol.asyncDispose]() {},
};
