import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { isNearlyFullInLua, nearlyFull } from '../memory/nearly-full.ts';
import { defineScript, runScript } from '../script.ts';

const countScript = defineScript<[memory: number, limit: number]>(
  import.meta.url,
  isNearlyFullInLua,
  './count.lua',
);
const closeScript = defineScript<string | null>(import.meta.url, './close-batch.lua');
const deleteScript = defineScript<number>(import.meta.url, './delete-batch.lua');

const keys = {
  open: 'views:open',
  openId: 'views:open:id',
  closed: 'views:closed',
  closedId: 'views:closed:id',
  popular: 'views:popular',
} as const;

export const viewLimits = {
  /** Products in a batch. At 136 bytes each, the open and the closed batch take 2.7 MB at most. */
  batchProducts: 10_000,
  /** Products in one call: a few milliseconds, in which the server does nothing else. */
  callProducts: 1_000,
  /** Products in the popular list: 136 KB. */
  popularProducts: 1_000,
} as const;

export interface ViewCount {
  readonly id: string;
  readonly views: number;
}

/** Views counted since the batch before. It does not change any more. */
export interface ViewBatch {
  readonly id: string;
  readonly counts: readonly ViewCount[];
}

/** Views that were not counted, and why: the server is nearly full, or the batch has as many products as it may have. */
export interface RefusedViews {
  readonly memory: number;
  readonly limit: number;
}

/**
 * Views of products on their way to Postgres, and the list of the most viewed products on its way back. Its size in the
 * state Redis has a limit, however many products there are. catalog-read counts into the open batch. The worker closes
 * it, adds it to the totals in Postgres, and then deletes it.
 */
export class ProductViews {
  readonly #redis: Redis;

  /** @param redis the state Redis */
  constructor(redis: Redis) {
    this.#redis = redis;
  }

  /**
   * Adds the views to the open batch. When the batch is full, only products that are already in it get more views. So the
   * most viewed products go first.
   *
   * @throws ioredis errors while Redis is away; some of the views may be counted
   */
  async count(counts: Iterable<ViewCount>): Promise<RefusedViews> {
    const ordered = [...counts].sort((a, b) => b.views - a.views);
    let [memory, limit] = [0, 0];
    for (let start = 0; start < ordered.length; start += viewLimits.callProducts) {
      const part = ordered.slice(start, start + viewLimits.callProducts);
      const refused = await runScript(
        this.#redis,
        countScript,
        [keys.open, keys.openId],
        [nearlyFull, randomUUID(), viewLimits.batchProducts, ...part.flatMap(({ id, views }) => [id, views])],
      );
      memory += refused[0];
      limit += refused[1];
    }
    return { memory, limit };
  }

  /**
   * Closes the open batch and reads it. While a closed batch is not deleted, it returns that one again.
   *
   * @returns undefined when nothing was counted
   * @throws ioredis errors while Redis is away
   */
  async closeBatch(): Promise<ViewBatch | undefined> {
    const { open, openId, closed, closedId } = keys;
    const id = await runScript(this.#redis, closeScript, [open, openId, closed, closedId], []);
    if (id === null) return undefined;
    const flat = await this.#redis.zrange(closed, '0', '-1', 'WITHSCORES');
    const counts = flat.flatMap((product, index) =>
      index % 2 === 0 ? [{ id: product, views: Number(flat[index + 1]) }] : [],
    );
    return { id, counts };
  }

  /** Deletes the closed batch with this id. Does nothing if it is already deleted. */
  async deleteBatch(id: string): Promise<void> {
    await runScript(this.#redis, deleteScript, [keys.closed, keys.closedId], [id]);
  }

  /** Replaces the list of the most viewed products in one step. */
  async replacePopular(products: readonly ViewCount[]): Promise<void> {
    const transaction = this.#redis.multi().del(keys.popular);
    const kept = products.slice(0, viewLimits.popularProducts);
    if (kept.length > 0) transaction.zadd(keys.popular, ...kept.flatMap(({ id, views }) => [views, id]));
    const results = await transaction.exec();
    const failed = results?.find(([error]) => error !== null)?.[0];
    if (failed) throw failed;
  }

  /**
   * Ids of the most viewed products, the most viewed first, without the first `skip`.
   *
   * @throws ioredis errors while Redis is away
   */
  popular(skip: number, limit: number): Promise<string[]> {
    return this.#redis.zrevrange(keys.popular, skip, skip + limit - 1);
  }
}
