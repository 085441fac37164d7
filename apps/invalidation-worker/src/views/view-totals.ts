import {
  addViews,
  deleteViewsOfDeletedProducts,
  lockViews,
  mostViewedProducts,
  type Pool,
  withTransaction,
} from '@catalog/database';
import { ProductViews, type ViewCount, viewLimits } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { FailureReporter } from '../failures/report-failure.ts';

/**
 * When Redis is lost, so are the views of this time, and the popular list is empty for this long. A batch of 10,000
 * products is then 1,000 updates a second in Postgres at most.
 */
const interval_ms = 10_000;
/** Counts that each round compares with the products. Of five million, all are compared within a day. */
const compared = 1_000;

interface ViewTotalsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly reportFailure: FailureReporter;
}

/**
 * Adds the views that catalog-read counts in the state Redis to the totals in Postgres, and writes the list of the most
 * viewed products from there to Redis.
 *
 * Each batch is added once. One transaction adds it and notes its id, so a worker that dies before it deletes the batch
 * from Redis leaves a batch that the next round recognises. The transaction holds a row lock from before the batch is
 * read. A worker that pauses until Postgres closes its session can no longer commit.
 */
export class ViewTotals implements Part {
  readonly #options: ViewTotalsOptions;
  readonly #views: ProductViews;

  constructor(options: ViewTotalsOptions) {
    this.#options = options;
    this.#views = new ProductViews(options.redis);
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = this.#options.reportFailure('views', { tries_ms: interval_ms });
    await repeat(() => this.update(), { every_ms: interval_ms, signal, onError });
  }

  /**
   * @returns how many products got views; undefined while another worker adds views
   * @throws the errors of the stores; the next round goes on where this one ended
   */
  async update(): Promise<number | undefined> {
    const { pool } = this.#options;
    const added = await withTransaction(pool, async (client) => {
      const progress = await lockViews(client);
      if (progress === undefined) return undefined;
      const batch = await this.#views.closeBatch();
      await deleteViewsOfDeletedProducts(client, compared);
      if (batch === undefined || batch.id === progress.lastBatch) return { batch, products: 0 };
      const counts = batch.counts.filter(isViewCount);
      await addViews(client, batch.id, counts);
      return { batch, products: counts.length };
    });
    if (added === undefined) return undefined;
    if (added.batch !== undefined) await this.#views.deleteBatch(added.batch.id);
    // Without the lock: a list that two workers write in the wrong order is right again after the next round.
    await this.#views.replacePopular(await mostViewedProducts(pool, viewLimits.popularProducts));
    return added.products;
  }
}

const uuid = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;

/** A count that somebody wrote to Redis by hand must not stop the others. */
const isViewCount = ({ id, views }: ViewCount): boolean =>
  uuid.test(id) && Number.isSafeInteger(views) && views > 0;
