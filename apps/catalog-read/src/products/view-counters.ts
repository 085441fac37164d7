import { CatalogError } from '@catalog/contracts';
import type { Redis } from 'ioredis';

const key = 'views:products';
/** Those that the worker has yet to copy to Postgres. */
const grown = 'views:grown';
const interval_ms = 1_000;

/**
 * How often each product is read, by id, by SKU or as one of many `ids=`: clients that batch their reads would be missing
 * otherwise. Pages of lists and the popular products themselves are no views: what stands in one would stay there by
 * standing there.
 *
 * Counted in memory, added to the state Redis once a second. What a crash
 * loses is a second of counts; the worker copies them to Postgres, so what a lost Redis loses is a minute.
 */
export class ViewCounters {
  readonly #redis: Redis;
  readonly #onError: (error: unknown) => void;
  #counts = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(redis: Redis, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#onError = onError;
  }

  start(): void {
    this.#timer = setInterval(() => void this.flush(), interval_ms);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  count(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  async flush(): Promise<void> {
    if (this.#counts.size === 0) return;
    const counts = this.#counts;
    this.#counts = new Map();
    try {
      const pipeline = this.#redis.pipeline();
      for (const [id, views] of counts) pipeline.zincrby(key, views, id);
      pipeline.sadd(grown, ...counts.keys());
      const results = await pipeline.exec();
      const failed = results?.find(([error]) => error !== null)?.[0];
      if (failed) throw failed;
    } catch (error) {
      // Counts are no truth: rather lose a second of them than count one twice.
      this.#onError(error);
    }
  }

  /**
   * Ids, most read first, without the first `skip`.
   *
   * @throws CatalogError `unavailable` while the state Redis is away
   */
  async mostRead(skip: number, limit: number): Promise<string[]> {
    try {
      return await this.#redis.zrevrange(key, skip, skip + limit - 1);
    } catch (error) {
      throw new CatalogError('unavailable', 'The view counters cannot be read.', {
        retryAfterSeconds: 1,
        cause: error,
      });
    }
  }
}
