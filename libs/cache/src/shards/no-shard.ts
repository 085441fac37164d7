import { Freshness } from '../channel/freshness.ts';
import { TurnReads } from '../reading/turn-reads.ts';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheUnavailable } from '../redis/cache-connection.ts';
import { EntryStore } from '../redis/entry-store.ts';
import type { ReadShard } from './router.ts';

/** For a key whose shard is not known, or whose slot no shard has: its readers go to Postgres. */
export function noShard(now: () => number): ReadShard {
  const fail = (): never => {
    throw new CacheUnavailable('no shard of the cache Redis is known to have the slot of the key');
  };
  const connection = {
    incarnation: undefined,
    // Nothing can be read without an incarnation, not even for an answer that is marked stale.
    databaseMayHaveGoneBack: true,
    get redis() {
      return fail();
    },
    requireIncarnation: fail,
    requireStoreIdentity: fail,
    readMany: fail,
    noticeRoleChange: () => undefined,
    time_ms: fail,
  };
  const freshness = new Freshness(now, () => undefined);
  const breaker = createCacheBreaker();
  return {
    store: new EntryStore(connection),
    breaker,
    freshness,
    reads: new TurnReads({ connection, breaker, freshness }),
  };
}
