/** For the process that applies changes to the cache, and for tests that play it. */
export { type InvalidatedKey, type SetAside } from './channel/messages.ts';
export {
  type AppliedTo,
  ChangeInvalidator,
  type KeyInUse,
  type RefusedKey,
} from './invalidating/change-invalidator.ts';
export { InvalidationPublisher, type Outcome } from './invalidating/invalidation-publisher.ts';
export { GenerationBumper } from './lists/generation-bumper.ts';
export { loadPayloads, type PayloadLoader } from './reading/batch-loader.ts';
export { KeyRefresher } from './reading/key-refresher.ts';
export { CacheConnection, CacheUnavailable, ShardAway } from './redis/cache-connection.ts';
export { fillShard, onlyShard } from './shards/router.ts';
export { EntryStore, type PrimaryRead, type StoredEntry } from './redis/entry-store.ts';
export { slotOf } from '@catalog/redis';
export { generationKey } from './redis/entry-store.ts';
export type { ShardedPublisher } from './shards/sharded-publisher.ts';
export { WorkerCache, type WorkerShard } from './shards/worker-cache.ts';
