import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { runScript, scripts } from './redis/scripts.ts';

export interface HeldLock extends AsyncDisposable {
  /**
   * Grows with each holder. A lock with an end cannot keep out a holder that slept past it; a write that hands on
   * this number, to a store that refuses a lower one than it has seen, can.
   */
  readonly fence: number;
  /**
   * From now on it ends after its whole time again. For work that may take longer than that.
   *
   * @returns false where it has ended, and may be somebody else's already
   * @throws ioredis errors where Redis is away
   */
  extend(): Promise<boolean>;
}

export interface LockOptions {
  /** The state Redis. Keys are `lock:{<name>}` and `lock:{<name>}:fence`. */
  readonly redis: Redis;
  readonly name: string;
  /** After this it ends by itself, should its holder die. */
  readonly ttl_ms: number;
}

/**
 * One holder at a time over all processes, for work that must not be done twice at once. See Kleppmann, "How to do
 * distributed locking" (2016), for why what is protected must check the fence.
 */
export class Lock {
  readonly #options: LockOptions;

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /**
   * @returns undefined while somebody else holds it
   * @throws ioredis errors where Redis is away; then nobody may assume to hold it
   */
  async acquire(): Promise<HeldLock | undefined> {
    const { redis, name, ttl_ms } = this.#options;
    const key = `lock:{${name}}`;
    const owner = randomUUID();
    const fence = (await runScript(
      redis,
      scripts.acquireLock,
      [key, `${key}:fence`],
      [owner, ttl_ms],
    )) as number;
    if (fence === 0) return undefined;
    return {
      fence,
      async extend() {
        return (await runScript(redis, scripts.extendLock, [key], [owner, ttl_ms])) === 1;
      },
      async [Symbol.asyncDispose]() {
        // If Redis is away the lock ends by itself.
        await runScript(redis, scripts.releaseLock, [key], [owner]).catch(() => undefined);
      },
    };
  }
}
