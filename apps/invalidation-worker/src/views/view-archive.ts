import { readFileSync } from 'node:fs';
import { type HeldLock, Lock } from '@catalog/redis';
import { archivedViews, archiveViews, passFence, type Pool, withTransaction } from '@catalog/database';
import type { Redis } from 'ioredis';
import { GoneViews } from './gone-views.ts';

/** What catalog-read counts: totals by product, and those that have grown since they were last copied. */
const keys = {
  totals: 'views:products',
  grown: 'views:grown',
  /** Goes when Redis loses its memory, and tells that the totals begin at nothing. */
  restored: 'views:restored',
  rounds: 'views:rounds',
} as const;

const lockName = 'view-archive';
/** A lost Redis may cost this much of the counts. */
const interval_ms = 60_000;
/** Longer than a copy takes by far, shorter than the interval. */
const lock_ms = 30_000;
const chunk = 1_000;

const removeScript = readFileSync(new URL('./remove-archived.lua', import.meta.url), 'utf8');
interface WithRemove {
  removeArchivedViews(totals: string, grown: string, ...idsAndTotals: readonly string[]): Promise<number>;
}

interface ViewArchiveOptions {
  /** The state Redis. */
  readonly redis: Redis;
  readonly pool: Pool;
  readonly onError: (error: unknown) => void;
}

/**
 * Copies the view counters to Postgres each minute, gives them back to a Redis that has lost them, and forgets those of
 * products that are gone. Of several workers one does it at a time; one that slept past its lock is refused by Postgres.
 */
export class ViewArchive {
  readonly #options: ViewArchiveOptions;
  readonly #lock: Lock;
  readonly #gone: GoneViews;
  #timer: NodeJS.Timeout | undefined;
  #working: Promise<unknown> | undefined;

  constructor(options: ViewArchiveOptions) {
    this.#options = options;
    this.#lock = new Lock({ redis: options.redis, name: lockName, ttl_ms: lock_ms });
    this.#gone = new GoneViews({ ...options, totals: keys.totals, rounds: keys.rounds });
    options.redis.defineCommand('removeArchivedViews', { numberOfKeys: 2, lua: removeScript });
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
   * @throws LockLost, and the errors of the stores; what was not copied is, at the next turn
   */
  async copy(): Promise<number | undefined> {
    await using lock = await this.#lock.acquire();
    if (lock === undefined) return undefined;
    await this.#restore();
    let copied = 0;
    let cursor = '0';
    // What grows during the scan may be in it or not; what was there before it and stays is.
    do {
      const [next, ids] = await this.#options.redis.sscan(keys.grown, cursor, 'COUNT', chunk);
      // It may name one twice, which the statement that archives would refuse.
      if (ids.length > 0) await this.#copyChunk([...new Set(ids)], lock);
      copied += ids.length;
      cursor = next;
    } while (cursor !== '0');
    await this.#gone.prune();
    return copied;
  }

  /** Read, archive, and only then remove: whoever dies in between leaves nothing uncopied and unmarked. */
  async #copyChunk(ids: readonly string[], { fence }: HeldLock): Promise<void> {
    const { redis, pool } = this.#options;
    const totals = await redis.zmscore(keys.totals, ...ids);
    const counts = ids.map((id, index) => ({ id, views: Number(totals[index] ?? 0) }));
    const gone = await withTransaction(pool, async (client) => {
      await passFence(client, lockName, fence);
      return archiveViews(client, counts);
    });
    if (gone.length > 0) await redis.zrem(keys.totals, ...gone);
    const isGone = new Set(gone);
    const archived = ids.flatMap((id, index) => [id, isGone.has(id) ? '' : (totals[index] ?? '')]);
    await (redis as unknown as WithRemove).removeArchivedViews(keys.totals, keys.grown, ...archived);
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
