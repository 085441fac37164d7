import { archivedViewIds, type Pool, pruneViews } from '@catalog/database';
import type { Redis } from 'ioredis';

/** As many as catalog-read considers for its popular list, so that a deleted product leaves that list within a minute. */
const top = 1_000;
/** This many of the counters and of the archive each minute. Of a million products, all are checked within nine hours. */
const page = 2_000;

interface DeletedProductViewsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  /** The sorted set of totals. */
  readonly totals: string;
  /** The hash with the positions of the rounds. It is in Redis, so that all workers continue the same rounds. */
  readonly rounds: string;
}

/**
 * Removes the view counts of deleted products from the counters and from the archive. A deleted product is not viewed
 * again, so the copy of grown counts never meets it. The counters and the archive are walked separately, because each may have ids that the
 * other has lost. Needs no lock: two workers come to the same answer.
 */
export class DeletedProductViews {
  readonly #options: DeletedProductViewsOptions;

  constructor(options: DeletedProductViewsOptions) {
    this.#options = options;
  }

  /** Checks the most viewed products, and the next part of all. */
  async remove(): Promise<void> {
    const { redis, pool, totals, rounds } = this.#options;
    const [cursor, after] = await redis.hmget(rounds, 'totals', 'archive');
    const [nextCursor, counted] = await redis.zscan(totals, cursor ?? '0', 'COUNT', page);
    const archived = await archivedViewIds(pool, after || null, page);
    const mostViewed = await redis.zrevrange(totals, 0, top - 1);
    const ids = new Set([...mostViewed, ...counted.filter((_, index) => index % 2 === 0), ...archived]);
    // Postgres first: after a crash the ids are still in the counters, and are found there again.
    const deleted = await pruneViews(pool, [...ids]);
    if (deleted.length > 0) await redis.zrem(totals, ...deleted);
    const nextAfter = archived.length < page ? '' : (archived.at(-1) ?? '');
    await redis.hset(rounds, { totals: nextCursor, archive: nextAfter });
  }
}
