export { type Cache, type CacheOptions, createCache } from './cache.ts';
export type { CacheStatus, KeyStatus } from './cache-status.ts';
export type { ListPage } from './lists/list-cache.ts';
export { Answer, farthestSource, type Source } from './reading/answer.ts';
export type { NearEntry } from './near-cache/near-cache.ts';
export type { CacheEvents, EntityCache } from './reading/entity-cache.ts';
export type { InTurn, ReadOptions } from './reading/read-options.ts';
export type { Wrapped } from './reading/wrap.ts';
export type { DatabaseIncarnations } from './redis/cache-connection.ts';
