import {
  type GenerationBumper,
  ShardAway,
  type ShardedPublisher,
  type WorkerCache,
} from '@catalog/cache/worker';
import {
  CatalogError,
  entities,
  type Entity,
  parseCacheKey,
  PRODUCT,
  type PurgeRequest,
  type PurgeResult,
  UNCONDITIONAL_VERSION,
} from '@catalog/contracts';
import { KeyWalk } from '../audit/key-walk.ts';
import { countInvalidated } from './count-invalidated.ts';

interface PurgerOptions {
  readonly cache: WorkerCache;
  readonly publisher: Pick<ShardedPublisher, 'invalidate' | 'forget' | 'forgetAll'>;
  readonly bumper: Pick<GenerationBumper, 'end'>;
}

/** A few milliseconds of work for Redis. */
const keysPerScan = 500;

/**
 * Purges for operators. A purge invalidates each key unconditionally. It never deletes a key: the invalidation takes leases away,
 * so that a reader that has already read Postgres cannot fill, and it is announced to the near caches. Readers also forget
 * which versions they have served, so that a purge is the remedy where a cache is newer than Postgres.
 */
export class Purger {
  readonly #options: PurgerOptions;
  #running = false;

  constructor(options: PurgerOptions) {
    this.#options = options;
  }

  /**
   * @throws CatalogError `conflict` while another purge of many keys runs
   * @throws ShardAway if a shard is away; the others are purged
   */
  async purge({ key, entity }: PurgeRequest): Promise<PurgeResult> {
    if (key !== undefined) return this.#purgeKey(key);
    if (this.#running) throw new CatalogError('conflict', 'Another purge is running.');
    this.#running = true;
    try {
      return await this.#purgeMany(entity);
    } finally {
      this.#running = false;
    }
  }

  async #purgeKey(key: string): Promise<PurgeResult> {
    const { cache, publisher } = this.#options;
    const entries = await cache.onShard(key, ({ redis }) => redis.exists(key));
    const invalidated = await countInvalidated(publisher.forget([key]));
    await this.#endPages(parseCacheKey(key)?.entity);
    return { entries, invalidated };
  }

  async #purgeMany(entity: string | undefined): Promise<PurgeResult> {
    const { cache, publisher } = this.#options;
    let entries = 0;
    let invalidated = 0;
    const isPartial = cache.present.length < cache.shards.all.length;
    const walk = new KeyWalk(cache);
    for (let isEnd = false; !isEnd;) {
      const next = await walk.next(keysPerScan);
      ({ isEnd } = next);
      const purged = next.keys.filter((key) => {
        const name = parseCacheKey(key)?.entity.name;
        return name !== undefined && (entity === undefined || name === entity);
      });
      if (purged.length === 0) continue;
      entries += purged.length;
      invalidated += await countInvalidated(
        publisher.invalidate(purged.map((key) => [key, UNCONDITIONAL_VERSION] as const)),
      );
    }
    await this.#endPages(entities.find(({ name }) => name === (entity ?? PRODUCT.name)));
    // Near caches may hold entries that Redis has evicted, and readers may have served versions that Postgres has lost. Once for
    // all keys: each reader repeats the reads that are in flight.
    await publisher.forgetAll();
    if (isPartial) throw new ShardAway();
    return { entries, invalidated };
  }

  async #endPages(entity: Entity | undefined): Promise<void> {
    if (entity?.list !== undefined) await this.#options.bumper.end(entity.list);
  }
}
