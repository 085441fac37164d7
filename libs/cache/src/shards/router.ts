import type { Freshness } from '../channel/freshness.ts';
import type { TurnReads } from '../reading/turn-reads.ts';
import { type CacheBreaker, createCacheBreaker } from '../redis/cache-breaker.ts';
import type { CacheConnection } from '../redis/cache-connection.ts';
import { EntryStore } from '../redis/entry-store.ts';

/** Fills keys of one shard. */
export interface FillShard {
  readonly store: EntryStore;
  readonly breaker: CacheBreaker;
}

/** Reads and fills keys of one shard. */
export interface ReadShard extends FillShard {
  readonly reads: TurnReads;
  readonly freshness: Freshness;
}

/** Which server of the cache holds a key. A single server is the only shard. */
export interface Router<Shard> {
  of(cacheKey: string): Shard;
  /** Those that exist at this moment. */
  readonly all: readonly Shard[];
}

/** A server that is only filled, and never read for an answer. */
export const fillShard = (connection: CacheConnection): FillShard => ({
  store: new EntryStore(connection),
  breaker: createCacheBreaker(),
});

export const onlyShard = <Shard>(shard: Shard): Router<Shard> => ({ of: () => shard, all: [shard] });
