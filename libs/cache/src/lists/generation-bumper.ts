import { runScript } from '@catalog/redis';
import { pause } from '@catalog/runtime';
import type { CacheConnection } from '../redis/cache-connection.ts';
import { generationKey, newGeneration } from '../redis/entry-store.ts';
import { scripts } from '../redis/scripts.ts';
import { timings } from '../timings.ts';

type BumpedConnection = Pick<CacheConnection, 'redis' | 'requireIncarnation'>;

interface GenerationBumperOptions {
  /** Runs a call on the shard of a key. */
  readonly onShard: <T>(cacheKey: string, call: (connection: BumpedConnection) => Promise<T>) => Promise<T>;
  readonly now: () => number;
  /** How long ago the changes that are being applied may have been committed; undefined if that is not known. */
  readonly behind_ms: () => number | undefined;
}

/**
 * Begins a new generation of a list, which ends all its cached pages.
 *
 * Many changes share one generation: it lasts for `timings.generationBump_ms` if the bound allows that. The caller does
 * not wait for the end of the pages: Redis stores when they end, and the scripts of the readers check it. So a change can
 * be acknowledged at once, and the pages do not hold up the watermark. Only a change that is too old for that waits.
 */
export class GenerationBumper {
  readonly #options: GenerationBumperOptions;

  constructor(options: GenerationBumperOptions) {
    this.#options = options;
  }

  /**
   * Ends the pages that were loaded before now, while the change that ends them is still within the bound.
   *
   * @returns the incarnation of the shard of the list
   * @throws CacheUnavailable, and ioredis errors: then the pages may still count. `ShardAway` when the shard of the list is away
   */
  async bump(list: string): Promise<string> {
    const { now, behind_ms } = this.#options;
    const left_ms = timings.bound_ms - (behind_ms() ?? Number.POSITIVE_INFINITY);
    const began_ms = now();
    const { endsIn_ms, incarnation } = await this.#begin(list, left_ms - timings.generationReserve_ms);
    // The time counts from the moment at which Redis ran the script. The call itself may have been slow.
    if (now() - began_ms + endsIn_ms > left_ms) await pause(endsIn_ms + 1);
    return incarnation;
  }

  /**
   * As `bump`, and resolves when the pages have ended. For operators.
   *
   * @throws as `bump`
   */
  async end(list: string): Promise<void> {
    const { endsIn_ms } = await this.#begin(list, 0);
    await pause(endsIn_ms + 1);
  }

  async #begin(list: string, wait_ms: number): Promise<{ endsIn_ms: number; incarnation: string }> {
    const atMost_ms = Number.isFinite(wait_ms) ? Math.max(0, Math.floor(wait_ms)) : 0;
    const { generationLeast_ms, generationBump_ms } = timings;
    const key = generationKey(list);
    return this.#options.onShard(key, async (connection) => {
      const incarnation = connection.requireIncarnation();
      const args = [
        incarnation,
        newGeneration(incarnation),
        atMost_ms,
        generationLeast_ms,
        generationBump_ms,
      ];
      return { endsIn_ms: await runScript(connection.redis, scripts.bumpList, [key], args), incarnation };
    });
  }
}
