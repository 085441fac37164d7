import { type HeldLock, Lock } from '@catalog/cache';
import { archivedViews, archiveViews, passFence, type Pool, withTransaction } from '@catalog/database';
import type { Redis } from 'ioredis';

/** What catalog-read counts: totals by product, and those that have grown since they were last copied. */
const keys = {
  totals: 'views:products',
  grown: 'views:grown',
  /** Goes when Redis loses its memory, and tells that the totals begin at nothing. */
  restored: 'views:restored',
} as const;

const lockName = 'view-archive';
/** A lost Redis may cost this much of the counts. */
const interval_ms = 60_000;
/** Longer than a copy takes by far, shorter than the interval. */
const lock_ms = 30_000;
const chunk = 1_000;

interface ViewArchiveOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly onError: (error: unknown) => void;
}

/**
 * Copies the view counters to Postgres each minute, and gives them back to a Redis that has lost them. Of several
 * workers one does it at a time; one that slept past its lock is refused by Postgres.
 */
export class ViewArchive {
  readonly #options: ViewArchiveOptions;
  readonly #lock: Lock;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> | undefined;

  constructor(options: ViewArchiveOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: lockName, ttl_ms: lock_ms });
  }

  start(): void {
    const turn = () => {
      this.#working ??= this.copy()
        .catch(this.#options.onError)
        .finally(() => {
          this.#working = undefined;
        });
    };
    turn();
    this.#timer = setInterval(turn, interval_ms);
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#working;
  }

  /**
   * @returns how many counts were copied; undefined while another worker does it
   * @throws LockLost, and the errors of the stores; what was not copied is at the next turn
   */
  async copy(): Promise<number | undefined> {
    await using lock = await this.#lock.acquire();
    if (lock === undefined) return undefined;
    await this.#restore();
    let copied = 0;
    for (;;) {
      const ids = await this.#options.redis.spop(keys.grown, chunk);
      if (ids.length === 0) return copied;
      await this.#copyChunk(ids, lock);
      copied += ids.length;
    }
  }

  async #copyChunk(ids: readonly string[], { fence }: HeldLock): Promise<void> {
    const { redis, pool } = this.#options;
    try {
      const totals = await redis.zmscore(keys.totals, ...ids);
      const counts = ids.map((id, index) => ({ id, views: Number(totals[index] ?? 0) }));
      const gone = await withTransaction(pool, async (client) => {
        await passFence(client, lockName, fence);
        return archiveViews(client, counts);
      });
      if (gone.length > 0) await redis.zrem(keys.totals, ...gone);
    } catch (error) {
      await redis.sadd(keys.grown, ...ids);
      throw error;
    }
  }

  /** Raises each total to at least the archived one, which may be done twice; the mark comes last. */
  async #restore(): Promise<void> {
    const { redis, pool } = this.#options;
    if ((await redis.exists(keys.restored)) === 1) return;
    let after: string | null = null;
    for (;;) {
      const page: Awaited<ReturnType<typeof archivedViews>> = await archivedViews(pool, after, chunk);
      if (page.length === 0) break;
      await redis.zadd(keys.totals, 'GT', ...page.flatMap(({ id, views }) => [views, id]));
      after = page.at(-1)?.id ?? null;
    }
    await redis.set(keys.restored, '1');
  }
}
