import { archivedViewIds, type Pool, pruneViews } from '@catalog/database';
import type { Redis } from 'ioredis';

/** As many as catalog-read looks through for its popular list: what is gone is out of its way a minute later. */
const top = 1_000;
/** So much of the counters and of the archive each minute: of a million products all are looked at in nine hours. */
const page = 2_000;

interface GoneViewsOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  /** The sorted set of totals. */
  readonly totals: string;
  /** Where the rounds have come to; in Redis, so that all workers go on with the same ones. */
  readonly rounds: string;
}

/**
 * A product that is gone is viewed no more, so that no copy ever notices: here its count leaves the counters and the
 * archive. The two are walked each on its own, since either may have what the other has lost. Needs no lock: what
 * is gone is gone, whoever says so.
 */
export class GoneViews {
  readonly #options: GoneViewsOptions;

  constructor(options: GoneViewsOptions) {
    this.#options = options;
  }

  /** Looks at the most viewed, and at the next part of all. */
  async prune(): Promise<void> {
    const { redis, pool, totals, rounds } = this.#options;
    const [cursor, after] = await redis.hmget(rounds, 'totals', 'archive');
    const [nextCursor, counted] = await redis.zscan(totals, cursor ?? '0', 'COUNT', page);
    const archived = await archivedViewIds(pool, after || null, page);
    const mostViewed = await redis.zrevrange(totals, 0, top - 1);
    const ids = new Set([...mostViewed, ...counted.filter((_, index) => index % 2 === 0), ...archived]);
    // Postgres first: what a crash leaves in the counters is found there again.
    const gone = await pruneViews(pool, [...ids]);
    if (gone.length > 0) await redis.zrem(totals, ...gone);
    const nextAfter = archived.length < page ? '' : (archived.at(-1) ?? '');
    await redis.hset(rounds, { totals: nextCursor, archive: nextAfter });
  }
}
