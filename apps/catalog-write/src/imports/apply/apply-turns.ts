import { type HeldLock, Lock } from '@catalog/cache';
import { CatalogError } from '@catalog/contracts';
import { LockLost, passFence, type Queryable } from '@catalog/database';
import type { Clock, Logger } from '@catalog/service-kit';
import type { Redis } from 'ioredis';

const lockName = 'import-apply';

export interface ApplyTurnsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly clock: Clock;
  readonly log: Logger;
  /** For these see `importLimits`. */
  readonly lock_ms: number;
  readonly wait_ms: number;
  readonly look_ms: number;
  readonly retryAfter_s: number;
}

export interface ApplyTurn extends AsyncDisposable {
  /**
   * The first statement of a transaction that applies an import.
   *
   * @throws CatalogError `unavailable` where a later import has had its turn already
   */
  pass(client: Queryable): Promise<void>;
}

/**
 * Over all processes one import at a time brings its rows into the products; the others wait here, without a transaction.
 * That spares work, and no more: two that apply at once would wait for each other's rows in Postgres, hold vacuum up
 * meanwhile, and be tried again. What is right rests on Postgres, on the locks of rows and in `apply`; so while the state
 * Redis is away imports are applied without turns.
 *
 * An import may take longer than its lock lasts. While it is applied, the lock is extended. Should it end all the same
 * (a pause of this process, a Redis that lost it), the next import may begin: it waits at the fence for a transaction
 * that has passed it, and one that has not is refused there.
 */
export class ApplyTurns {
  readonly #options: ApplyTurnsOptions;
  readonly #lock: Lock;

  constructor(options: ApplyTurnsOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: lockName, ttl_ms: options.lock_ms });
  }

  /**
   * Waits for the turn until `signal` aborts.
   *
   * @throws CatalogError `unavailable` where it does not come in time
   */
  async take(signal: AbortSignal): Promise<ApplyTurn> {
    const { clock, log, wait_ms, look_ms, retryAfter_s } = this.#options;
    const began_ms = clock.monotonic();
    for (;;) {
      let lock: HeldLock | undefined;
      try {
        lock = await this.#lock.acquire();
      } catch (error) {
        log.warn({ err: error }, 'the state Redis is away: an import is applied without a turn');
        return withoutTurn;
      }
      if (lock !== undefined) return this.#turn(lock);
      if (clock.monotonic() - began_ms >= wait_ms) {
        throw new CatalogError('unavailable', 'Another import is being applied; nothing has changed.', {
          retryAfterSeconds: retryAfter_s,
        });
      }
      // Not all that wait at the same moment.
      await pause(clock, look_ms * (0.5 + Math.random()), signal);
    }
  }

  #turn(lock: HeldLock): ApplyTurn {
    const stopExtending = this.#keepExtending(lock);
    const { retryAfter_s } = this.#options;
    return {
      async pass(client) {
        try {
          await passFence(client, lockName, lock.fence);
        } catch (error) {
          if (!(error instanceof LockLost)) throw error;
          throw new CatalogError(
            'unavailable',
            'The turn of this import was over before it was applied; nothing has changed.',
            { retryAfterSeconds: retryAfter_s, cause: error },
          );
        }
      },
      async [Symbol.asyncDispose]() {
        stopExtending();
        await lock[Symbol.asyncDispose]();
      },
    };
  }

  #keepExtending(lock: HeldLock): () => void {
    const { clock, log, lock_ms } = this.#options;
    let stopped = false;
    let timer: unknown;
    const next = (): void => {
      // Two may fail.
      timer = clock.setTimeout(() => void extend(), lock_ms / 3);
    };
    const extend = async (): Promise<void> => {
      try {
        if (!(await lock.extend())) {
          if (!stopped) log.warn('the turn of an import ended while it was applied; its fence decides');
          return;
        }
      } catch (error) {
        log.warn({ err: error }, 'the turn of an import could not be extended');
      }
      if (!stopped) next();
    };
    next();
    return () => {
      stopped = true;
      clock.clearTimeout(timer);
    };
  }
}

const withoutTurn: ApplyTurn = {
  async pass() {},
  async [Symbol.asyncDispose]() {},
};

function pause(clock: Clock, delay_ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clock.clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = clock.setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, delay_ms);
    signal.addEventListener('abort', onAbort, { once: true });
    // While the lock was asked for.
    if (signal.aborted) onAbort();
  });
}
