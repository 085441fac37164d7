import type { Redis } from 'ioredis';
import type { z } from 'zod';
import { defineScript, runScript } from '../script.ts';

const putScript = defineScript<PutOutcome>(import.meta.url, './put.lua');

export interface TemporaryDataOptions<Value> {
  /**
   * The state Redis. Keys are `temporary:{<kind>}:<id>`, `temporary:{<kind>}` for their list, and `temporary:{<kind>}/<owner>` for those
   * of an owner.
   */
  readonly redis: Redis;
  /** Lower case letters and hyphens. */
  readonly kind: string;
  readonly schema: z.ZodType<Value>;
  /** The most bytes of one value as JSON. With `maxValues` it bounds the memory of a server that evicts nothing. */
  readonly max_bytes: number;
  readonly maxValues: number;
  /** Less than `maxValues`, so that no owner can keep the others out. */
  readonly maxPerOwner: number;
  /** A value does not fit the schema, since another release wrote it. It counts as absent. */
  readonly onUnreadable: (error: unknown) => void;
}

/**
 * stored · taken: the id has a value · full: `maxValues` are kept, or `maxPerOwner` of this owner · too-large: more than `max_bytes`. Only `stored` has
 * changed anything.
 */
export type PutOutcome = 'stored' | 'taken' | 'full' | 'too-large';

/**
 * Values with a TTL that may be lost: their users can go on without them. The step that stores a value also sets its
 * TTL.
 */
export class TemporaryData<Value> {
  readonly #options: TemporaryDataOptions<Value>;

  constructor(options: TemporaryDataOptions<Value>) {
    // Other characters could make the keys of two kinds equal.
    if (!/^[a-z-]+$/.test(options.kind)) {
      throw new RangeError(
        `a kind of temporary data has lower case letters and hyphens only: ${options.kind}`,
      );
    }
    this.#options = options;
  }

  /**
   * Stores a value for `ttl_ms`, and replaces an older one.
   *
   * @throws ioredis errors while Redis is away
   */
  put(id: string, owner: string, value: Value, ttl_ms: number): Promise<PutOutcome> {
    return this.#put(id, owner, value, ttl_ms, 'any');
  }

  /**
   * Stores a value for `ttl_ms`, unless the id has one.
   *
   * @throws ioredis errors while Redis is away
   */
  putNew(id: string, owner: string, value: Value, ttl_ms: number): Promise<PutOutcome> {
    return this.#put(id, owner, value, ttl_ms, 'new');
  }

  /**
   * @returns undefined when the id has no value, or no longer
   * @throws ioredis errors while Redis is away; the id may have a value
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

  async #put(
    id: string,
    owner: string,
    value: Value,
    ttl_ms: number,
    over: 'any' | 'new',
  ): Promise<PutOutcome> {
    const { redis, kind, max_bytes, maxValues, maxPerOwner } = this.#options;
    if (!Number.isSafeInteger(ttl_ms) || ttl_ms < 1) {
      throw new RangeError(`ttl_ms must be a whole number of milliseconds above 0: ${ttl_ms}`);
    }
    const text = JSON.stringify(value);
    if (Buffer.byteLength(text) > max_bytes) return 'too-large';
    return runScript(
      redis,
      putScript,
      [this.#key(id), `temporary:{${kind}}`, `temporary:{${kind}}/${owner}`],
      [text, ttl_ms, maxValues, maxPerOwner, over],
    );
  }

  #key(id: string): string {
    return `temporary:{${this.#options.kind}}:${id}`;
  }
}
