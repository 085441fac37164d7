import type { CacheConnection, GenerationBumper, InvalidationPublisher } from '@catalog/cache';
import {
  CatalogError,
  entities,
  type Entity,
  limits,
  parseCacheKey,
  PRODUCT,
  type PurgeRequest,
  type PurgeResult,
  UNCONDITIONAL_VERSION,
} from '@catalog/contracts';
import { invalidateNow } from '../invalidate/invalidate-now.ts';

interface PurgerOptions {
  readonly connection: CacheConnection;
  readonly publisher: Pick<InvalidationPublisher, 'invalidate' | 'publishGap'>;
  readonly bumper: Pick<GenerationBumper, 'bump'>;
}

/**
 * The operator's lever. A purge is an unconditional invalidation of each key, never a DEL: leases are taken away, so that
 * no reader who began before can fill again, and the near caches hear of it.
 */
export class Purger {
  readonly #options: PurgerOptions;
  #running = false;

  constructor(options: PurgerOptions) {
    this.#options = options;
  }

  /** @throws CatalogError `conflict` while another purge of many keys runs */
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
    const { connection, publisher } = this.#options;
    const entries = await connection.redis.exists(key);
    const invalidated = await invalidateNow(publisher, [[key, UNCONDITIONAL_VERSION]]);
    await this.#endPages(parseCacheKey(key)?.entity);
    return { entries, invalidated };
  }

  async #purgeMany(entity: string | undefined): Promise<PurgeResult> {
    const { connection, publisher } = this.#options;
    let entries = 0;
    let invalidated = 0;
    let cursor = '0';
    do {
      const [next, keys] = await connection.redis.scan(cursor, 'COUNT', limits.jobChanges);
      cursor = next;
      const purged = keys.filter((key) => {
        const name = parseCacheKey(key)?.entity.name;
        return name !== undefined && (entity === undefined || name === entity);
      });
      if (purged.length === 0) continue;
      entries += purged.length;
      invalidated += await invalidateNow(
        publisher,
        purged.map((key) => [key, UNCONDITIONAL_VERSION] as const),
      );
    } while (cursor !== '0');
    await this.#endPages(entities.find(({ name }) => name === (entity ?? PRODUCT.name)));
    // A near cache may hold what Redis has evicted.
    await publisher.publishGap();
    return { entries, invalidated };
  }

  async #endPages(entity: Entity | undefined): Promise<void> {
    if (entity?.list !== undefined) await this.#options.bumper.bump(entity.list);
  }
}
