import { CatalogError } from '@catalog/contracts';
import { ProductViews, type RefusedViews } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';

const interval_ms = 1_000;

/** Why views were not counted. */
export type LostViews = keyof RefusedViews | 'failure';

interface ViewCountersOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly onLost: (reason: LostViews, views: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Counts how often each product is read by id, by SKU or as one of many `ids=`, which clients that batch their reads
 * use. Lists and the popular products do not count: a product that is shown there would stay there for that reason.
 *
 * This process counts in memory and adds the counts to the state Redis once a second, so a crash loses one second. The
 * worker adds them to the totals in Postgres every ten seconds, so a lost Redis loses ten seconds.
 */
export class ViewCounters implements Part {
  readonly #options: ViewCountersOptions;
  readonly #views: ProductViews;
  #counts = new Map<string, number>();

  constructor(options: ViewCountersOptions) {
    this.#options = options;
    this.#views = new ProductViews(options.redis);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    await repeat(() => this.flush(), { signal, every_ms: interval_ms, waitFirst: true, onError });
    await this.flush();
  }

  count(id: string): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
  }

  async flush(): Promise<void> {
    if (this.#counts.size === 0) return;
    const { onLost, onError } = this.#options;
    const counts = [...this.#counts].map(([id, views]) => ({ id, views }));
    this.#counts = new Map();
    try {
      const refused = await this.#views.count(counts);
      if (refused.memory > 0) onLost('memory', refused.memory);
      if (refused.limit > 0) onLost('limit', refused.limit);
    } catch (error) {
      // Losing a second of counts is better than counting them twice, so they are not kept for another try.
      onLost(
        'failure',
        counts.reduce((sum, { views }) => sum + views, 0),
      );
      onError(error);
    }
  }

  /**
   * Ids of the most read active products, the most read first, without the first `skip`.
   *
   * @throws CatalogError `unavailable` while the state Redis is away
   */
  async mostRead(skip: number, limit: number): Promise<string[]> {
    try {
      return await this.#views.popular(skip, limit);
    } catch (error) {
      throw new CatalogError(
        'unavailable',
        'The state Redis, which keeps the popular products, does not answer.',
        {
          retryAfterSeconds: 1,
          cause: error,
        },
      );
    }
  }
}
