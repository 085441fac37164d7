import { CacheUnavailable, type WorkerCache, type WorkerShard } from '@catalog/cache/worker';

/** Walks over all keys of the cache: over those of one shard after the other. A shard that is away is left out. */
export class KeyWalk {
  readonly #cache: Pick<WorkerCache, 'present'>;
  #shards: readonly WorkerShard[] = [];
  #cursor = '0';

  constructor(cache: Pick<WorkerCache, 'present'>) {
    this.#cache = cache;
  }

  /**
   * @param count how many keys, about
   * @returns the next keys, and whether these were the last. The walk then begins again.
   * @throws CacheUnavailable if no shard is there; ioredis errors, and the walk goes on with the next shard
   */
  async next(count: number): Promise<{ readonly keys: readonly string[]; readonly isEnd: boolean }> {
    if (this.#shards.length === 0) this.restart();
    const [shard, ...others] = this.#shards;
    if (shard === undefined) throw new CacheUnavailable();
    try {
      const [cursor, keys] = await shard.connection.redis.scan(this.#cursor, 'COUNT', count);
      this.#cursor = cursor;
      if (cursor === '0') this.#shards = others;
      return { keys, isEnd: this.#shards.length === 0 };
    } catch (error) {
      this.#cursor = '0';
      this.#shards = others;
      throw error;
    }
  }

  /** Begins again: another server has other keys. */
  restart(): void {
    this.#shards = this.#cache.present;
    this.#cursor = '0';
  }
}
