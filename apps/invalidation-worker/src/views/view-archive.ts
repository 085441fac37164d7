import { archivedViews, archiveViews, passFence, type Pool, withTransaction } from '@catalog/database';
import { defineScript, type HeldLock, Lock, runScript } from '@catalog/redis';
import { type Part, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { FailureReporter } from '../failures/report-failure.ts';
import { DeletedProductViews } from './deleted-product-views.ts';

/** catalog-read counts into the first two: views by product, and the products that were viewed since the last copy. */
const keys = {
  totals: 'views:products',
  grown: 'views:grown',
  /** Vanishes when Redis loses its data, which shows that the totals have restarted from zero. */
  restored: 'views:restored',
  rounds: 'views:rounds',
} as const;

const lockName = 'view-archive';
/** When Redis is lost, so are the views of this time. */
const interval_ms = 60_000;
/** Much longer than a copy takes, and shorter than the interval. */
const lock_ms = 30_000;
const batch = 1_000;

const removeArchived = defineScript<number>(import.meta.url, './remove-archived.lua');

interface ViewArchiveOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly reportFailure: FailureReporter;
}

/**
 * Copies the view counts to Postgres each minute, restores them to a Redis that has lost them, and removes those of deleted
 * products. A lock lets one worker at a time do it. Postgres refuses a worker that paused for longer than its lock.
 */
export class ViewArchive implements Part {
  readonly #options: ViewArchiveOptions;
  readonly #lock: Lock;
  readonly #deletedProducts: DeletedProductViews;

  constructor(options: ViewArchiveOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: lockName, ttl_ms: lock_ms });
    this.#deletedProducts = new DeletedProductViews({ ...options, totals: keys.totals, rounds: keys.rounds });
  }

  async run(signal: AbortSignal): Promise<void> {
    const onError = this.#options.reportFailure('views', { tries_ms: interval_ms });
    await repeat(() => this.copy(), { every_ms: interval_ms, signal, onError });
  }

  /**
   * @returns how many counts were copied; undefined while another worker copies
   * @throws LockLost, and the errors of the stores; the next turn copies the rest
   */
  async copy(): Promise<number | undefined> {
    await using lock = await this.#lock.acquire();
    if (lock === undefined) return undefined;
    await this.#restore();
    let copied = 0;
    let cursor = '0';
    // SSCAN returns every member that stays in the set during the scan. Members added meanwhile may be missed until the next turn.
    do {
      const [next, ids] = await this.#options.redis.sscan(keys.grown, cursor, 'COUNT', batch);
      // SSCAN may return a member twice, and the insert statement would refuse that.
      if (ids.length > 0) await this.#copyBatch([...new Set(ids)], lock);
      copied += ids.length;
      cursor = next;
    } while (cursor !== '0');
    await this.#deletedProducts.remove();
    return copied;
  }

  /** Reads, archives, and removes only then: a crash in between leaves each count either archived or still marked. */
  async #copyBatch(ids: readonly string[], { fence }: HeldLock): Promise<void> {
    const { redis, pool } = this.#options;
    const totals = await redis.zmscore(keys.totals, ...ids);
    const counts = ids.map((id, index) => ({ id, views: Number(totals[index] ?? 0) }));
    const deleted = await withTransaction(pool, async (client) => {
      await passFence(client, lockName, fence);
      return archiveViews(client, counts);
    });
    if (deleted.length > 0) await redis.zrem(keys.totals, ...deleted);
    const isDeleted = new Set(deleted);
    const archived = ids.flatMap((id, index) => [id, isDeleted.has(id) ? '' : (totals[index] ?? '')]);
    await runScript(redis, removeArchived, [keys.totals, keys.grown], archived);
  }

  /** Raises each total to at least the archived one, which may be repeated. Sets the mark last. */
  async #restore(): Promise<void> {
    const { redis, pool } = this.#options;
    if ((await redis.exists(keys.restored)) === 1) return;
    let after: string | null = null;
    for (;;) {
      const page: Awaited<ReturnType<typeof archivedViews>> = await archivedViews(pool, after, batch);
      if (page.length === 0) break;
      await redis.zadd(keys.totals, 'GT', ...page.flatMap(({ id, views }) => [views, id]));
      after = page.at(-1)?.id ?? null;
    }
    await redis.set(keys.restored, '1');
  }
}
