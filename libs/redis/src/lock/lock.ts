import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { defineScript, runScript } from '../script.ts';

const acquireScript = defineScript<number>(import.meta.url, './acquire.lua');
const extendScript = defineScript<number>(import.meta.url, './extend.lua');
const releaseScript = defineScript<number>(import.meta.url, './release.lua');

export interface HeldLock extends AsyncDisposable {
  /**
   * Grows with each holder. A lock with a TTL cannot stop a holder that slept past the TTL. A store can: it refuses a
   * write whose fence is lower than one it has seen.
   */
  readonly fence: number;
  /**
   * Starts the TTL again, for work that may take longer.
   *
   * @returns false when the lock has ended, and may have another holder
   * @throws ioredis errors while Redis is away
   */
  extend(): Promise<boolean>;
}

export interface LockOptions {
  /** The state Redis. Keys are `lock:{<name>}` and `lock:{<name>}:fence`. */
  readonly redis: Redis;
  readonly name: string;
  /** The lock ends after this time, should its holder die. */
  readonly ttl_ms: number;
}

/**
 * One holder at a time over all processes, for work that two must not do at once. Martin Kleppmann, "How to do
 * distributed locking" (2016), explains why the store that the work writes to must check the fence.
 */
export class Lock {
  readonly #options: LockOptions;

  constructor(options: LockOptions) {
    this.#options = options;
  }

  /**
   * @returns undefined while another process holds the lock
   * @throws ioredis errors while Redis is away; the caller then does not hold it
   */
  async acquire(): Promise<HeldLock | undefined> {
    const { redis, name, ttl_ms } = this.#options;
    const key = `lock:{${name}}`;
    const owner = randomUUID();
    const fence = await runScript(redis, acquireScript, [key, `${key}:fence`], [owner, ttl_ms]);
    if (fence === 0) return undefined;
    return {
      fence,
      async extend() {
        return (await runScript(redis, extendScript, [key], [owner, ttl_ms])) === 1;
      },
      async [Symbol.asyncDispose]() {
        // While Redis is away the TTL ends the lock.
        await runScript(redis, releaseScript, [key], [owner]).catch(() => undefined);
      },
    };
  }
}
