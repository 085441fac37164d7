import { CatalogError } from '@catalog/contracts';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';

const key = 'views:products';
/** Ids whose counts the worker has not copied to Postgres yet. */
const grown = 'views:grown';
const interval_ms = 1_000;

/**
 * Counts how often each product is read by id, by SKU or as one of many `ids=`, which clients that batch their reads
 * use. Lists and the popular products do not count: a product that is shown there would stay there for that reason.
 *
 * This process counts in memory and adds the counts to the state Redis once a second, so a crash loses one second. The
 * worker copies them to Postgres, so a lost Redis loses one minute.
 */
export class ViewCounters implements Part {
  readonly #redis: Redis;
  readonly #onError: (error: unknown) => void;
  #counts = new Map<string, number>();

  constructor(redis: Redis, onError: (error: unknown) => void) {
    this.#redis = redis;
    this.#onError = onError;
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = this.#onError;
    await repeat(() => this.flush(), { signal, every_ms: interval_ms, waitFirst: true, onError });
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
      // Losing a second of counts is better than counting them twice, so they are not kept for another try.
      this.#onError(error);
    }
  }

  /**
   * Ids, the most read first, without the first `skip`.
   *
   * @throws CatalogError `unavailable` while the state Redis is away
   */
  async mostRead(skip: number, limit: number): Promise<string[]> {
    try {
      return await this.#redis.zrevrange(key, skip, skip + limit - 1);
    } catch (error) {
      throw new CatalogError('unavailable', 'The state Redis, which counts views, does not answer.', {
        retryAfterSeconds: 1,
        cause: error,
      });
    }
  }
}
