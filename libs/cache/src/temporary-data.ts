import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { runScript, scripts } from './redis/scripts.ts';

export interface TemporaryDataOptions<Value> {
  /** The state Redis. Keys are `temporary:{<kind>}:<id>`, and `temporary:{<kind>}` for the list of them. */
  readonly redis: Redis;
  /** Lower case and hyphens. */
  readonly kind: string;
  readonly schema: z.ZodType<Value>;
  /** Of one value as JSON. With `maxValues` it bounds what this kind takes of a server that evicts nothing. */
  readonly max_bytes: number;
  readonly maxValues: number;
  /** A value that does not fit the schema: another deploy wrote it. It counts as absent. */
  readonly onUnreadable: (error: unknown) => void;
}

/** taken: there is one already · full: `maxValues` are kept · too-large: beyond `max_bytes`. Then nothing was stored. */
export type PutOutcome = 'stored' | 'taken' | 'full' | 'too-large';

/**
 * Values that somebody may ask for in the next while, and that may be lost: whoever keeps something here can go on
 * without. Each has an end from the step that stores it.
 */
export class TemporaryData<Value> {
  readonly #options: TemporaryDataOptions<Value>;

  constructor(options: TemporaryDataOptions<Value>) {
    // Else the keys of two kinds could meet.
    if (!/^[a-z-]+$/.test(options.kind)) {
      throw new RangeError(`a kind of temporary data is lower case and hyphens, not ${options.kind}`);
    }
    this.#options = options;
  }

  /**
   * In place of what is there, for `ttl_ms` from now.
   *
   * @throws ioredis errors where Redis is away
   */
  put(id: string, value: Value, ttl_ms: number): Promise<PutOutcome> {
    return this.#put(id, value, ttl_ms, 'any');
  }

  /**
   * Only where there is none.
   *
   * @throws ioredis errors where Redis is away
   */
  putNew(id: string, value: Value, ttl_ms: number): Promise<PutOutcome> {
    return this.#put(id, value, ttl_ms, 'new');
  }

  /**
   * @returns undefined where there is none (any more)
   * @throws ioredis errors where Redis is away; then nobody knows whether there is one
   */
  async get(id: string): Promise<Value | undefined> {
    const { redis, schema, onUnreadable } = this.#options;
    const text = await redis.get(this.#key(id));
    if (text === null) return undefined;
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      onUnreadable(error);
      return undefined;
    }
  }

  async #put(id: string, value: Value, ttl_ms: number, over: 'any' | 'new'): Promise<PutOutcome> {
    const { redis, kind, max_bytes, maxValues } = this.#options;
    if (!Number.isSafeInteger(ttl_ms) || ttl_ms < 1) {
      throw new RangeError(`temporary data lasts for a whole number of milliseconds, not ${ttl_ms}`);
    }
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) > max_bytes) return 'too-large';
    const answer = await runScript(
      redis,
      scripts.putTemporary,
      [this.#key(id), `temporary:{${kind}}`],
      [text, ttl_ms, maxValues, over],
    );
    return String(answer) as PutOutcome;
  }

  #key(id: string): string {
    return `temporary:{${this.#options.kind}}:${id}`;
  }
}
