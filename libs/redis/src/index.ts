export { type HeldLock, Lock, type LockOptions } from './lock/lock.ts';
export { type KeyFamily, keysWithoutTtl } from './key-families.ts';
export { isNearlyFull } from './memory/nearly-full.ts';
export { type ClusterMap, type ClusterShard, viewHasSlot } from './cluster/cluster-map.ts';
export { ClusterTopology } from './cluster/cluster-topology.ts';
export { slotOf } from './cluster/key-slot.ts';
export { openRedis } from './open-redis.ts';
export {
  ProductViews,
  type RefusedViews,
  type ViewBatch,
  type ViewCount,
  viewLimits,
} from './product-views/product-views.ts';
export { type RateDecision, RateLimiter, type RateLimiterOptions } from './rate-limit/rate-limiter.ts';
export {
  type ClusterAddress,
  clusterAddress,
  isCacheRedisUrl,
  isRedisUrl,
  nodeUrl,
  redisUrlRule,
} from './redis-urls.ts';
export { defineScript, runScript, runScriptForBuffers, type Script } from './script.ts';
export { connectBlocking, connectStateRedis, refuseEviction, type StateRedisOptions } from './state-redis.ts';
export {
  type PutOutcome,
  TemporaryData,
  type TemporaryDataOptions,
} from './temporary-data/temporary-data.ts';
