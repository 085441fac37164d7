/** For the process that applies changes to the cache, and for tests that play it. */
export { type InvalidatedKey, type SetAside } from './channel/messages.ts';
export { ChangeInvalidator, type RefusedKey } from './invalidating/change-invalidator.ts';
export { InvalidationPublisher } from './invalidating/invalidation-publisher.ts';
export { GenerationBumper } from './lists/generation-bumper.ts';
export { loadPayloads, type PayloadLoader } from './reading/batch-loader.ts';
export { KeyRefresher } from './reading/key-refresher.ts';
export { CacheConnection, CacheUnavailable } from './redis/cache-connection.ts';
export { EntryStore, type PrimaryRead, type StoredEntry } from './redis/entry-store.ts';
