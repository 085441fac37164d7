import { pause } from '@catalog/runtime';
import type { CacheConnection } from '../redis/cache-connection.ts';
import { generationKey, newGeneration } from '../redis/entry-store.ts';
import { timings } from '../timings.ts';

/**
 * Begins a new generation of a list, which ends all its cached pages at once. At most ten times a second: callers
 * within one interval share the bump at its end. A caller returns only after a bump that began after its call, so that
 * nobody acknowledges a change while its pages still count.
 */
export class GenerationBumper {
  readonly #connection: Pick<CacheConnection, 'redis' | 'requireIncarnation'>;
  readonly #next = new Map<string, Promise<void>>();
  readonly #lastBump_ms = new Map<string, number>();
  readonly #now: () => number;

  constructor(connection: Pick<CacheConnection, 'redis' | 'requireIncarnation'>, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  /** @throws CacheUnavailable, and ioredis errors: then the pages may still count */
  bump(list: string): Promise<void> {
    const scheduled = this.#next.get(list);
    if (scheduled !== undefined) return scheduled;
    const next = this.#bumpInTime(list);
    this.#next.set(list, next);
    return next;
  }

  async #bumpInTime(list: string): Promise<void> {
    const since_ms = this.#now() - (this.#lastBump_ms.get(list) ?? Number.NEGATIVE_INFINITY);
    const wait_ms = timings.generationBump_ms - since_ms;
    // The await is needed even without a wait: `bump` must store this promise before the next line removes it.
    await (wait_ms > 0 ? pause(wait_ms) : undefined);
    // A caller from here on may have committed too late for this bump.
    this.#next.delete(list);
    this.#lastBump_ms.set(list, this.#now());
    const incarnation = this.#connection.requireIncarnation();
    await this.#connection.redis.set(generationKey(list), newGeneration(incarnation));
  }
}
