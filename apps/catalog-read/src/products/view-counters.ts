import { CatalogError } from '@catalog/contracts';
import { ProductViews, type RefusedViews } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import { SeenPairs } from './seen-pairs.ts';

const interval_ms = 1_000;

export const viewWindow = {
  /** A caller that reads a product again within this time adds no view to it. */
  length_ms: 60_000,
  /** Pairs of caller and product that are remembered for it. More of them begin a new window. */
  pairs: 100_000,
  /**
   * Products with one view that a process sends in a second. A scan reads ten thousand: to send them would cost more than to read
   * them, and the state Redis would refuse most of them.
   */
  singleViews: 1_000,
} as const;

/** Why views were not counted. */
export type LostViews = keyof RefusedViews | 'failure';

interface ViewCountersOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly onLost: (reason: LostViews, views: number) => void;
  readonly onError: (error: unknown) => void;
  /** Monotonic. */
  readonly now?: () => number;
}

/** The views of one product since the last flush. */
export class ViewCounter {
  readonly id: string;
  views = 0;
  /** The caller that was the last to read the product, and its window. Most products have few callers. */
  lastCaller = '';
  lastWindow = -1;

  constructor(id: string) {
    this.id = id;
  }
}

/**
 * Counts how often each product is read by id, by SKU or as one of many `ids=`, which clients that batch their reads
 * use. Lists and the popular products do not count: a product that is shown there would stay there for that reason. A caller
 * counts once for a product and minute, so that nobody puts a product on top alone. A HEAD does not count.
 *
 * This process counts in memory and adds the counts to the state Redis once a second, so a crash loses one second. The
 * worker adds them to the totals in Postgres every ten seconds, so a lost Redis loses ten seconds.
 */
export class ViewCounters implements Part {
  readonly #options: ViewCountersOptions;
  readonly #views: ProductViews;
  readonly #now: () => number;
  /** Those that have counted since the last flush. */
  #counting: ViewCounter[] = [];
  /** Counters for `count`, whose callers keep none. */
  #byId = new Map<string, ViewCounter>();
  /** Each caller and product that were counted in this window. */
  readonly #seen = new SeenPairs(viewWindow.pairs);
  #window = 0;
  #windowEnds_ms = 0;

  constructor(options: ViewCountersOptions) {
    this.#options = options;
    this.#views = new ProductViews(options.redis);
    this.#now = options.now ?? (() => performance.now());
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    await repeat(() => this.flush(), { signal, every_ms: interval_ms, waitFirst: true, onError });
    await this.flush();
  }

  /** @param caller `callerKey` */
  count(id: string, caller: string): void {
    let counter = this.#byId.get(id);
    if (counter === undefined) {
      counter = new ViewCounter(id);
      this.#byId.set(id, counter);
    }
    this.countIn(counter, caller);
  }

  /** As `count`, for a caller that keeps the counter of a product that is read all the time. */
  countIn(counter: ViewCounter, caller: string, now_ms = this.#now()): void {
    const window = this.#windowOf(now_ms);
    if (counter.lastWindow === window && counter.lastCaller === caller) return;
    counter.lastWindow = window;
    counter.lastCaller = caller;
    if (!this.#seen.add(caller, counter.id)) return;
    if (counter.views++ === 0) this.#counting.push(counter);
  }

  /** The number of the window. Begins another one, if the last has ended or is full. */
  #windowOf(now_ms: number): number {
    if (now_ms >= this.#windowEnds_ms || this.#seen.size >= viewWindow.pairs) {
      this.#seen.clear();
      this.#windowEnds_ms = now_ms + viewWindow.length_ms;
      this.#window += 1;
    }
    return this.#window;
  }

  async flush(): Promise<void> {
    if (this.#counting.length === 0) return;
    const { onLost, onError } = this.#options;
    const { counts, lost } = this.#takeCounts();
    if (lost > 0) onLost('limit', lost);
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

  /** A product may have several counters. @returns also how many views are beyond `singleViews` */
  #takeCounts(): { counts: { id: string; views: number }[]; lost: number } {
    const sums = new Map<string, number>();
    let singleViews = 0;
    for (const counter of this.#counting) {
      const { id, views } = counter;
      counter.views = 0;
      if (views === 1) singleViews += 1;
      if (views > 1 || singleViews <= viewWindow.singleViews) sums.set(id, (sums.get(id) ?? 0) + views);
    }
    this.#counting = [];
    this.#byId = new Map();
    const lost = Math.max(0, singleViews - viewWindow.singleViews);
    return { counts: [...sums].map(([id, views]) => ({ id, views })), lost };
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
