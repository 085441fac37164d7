export { type HeldLock, Lock, type LockOptions } from './lock/lock.ts';
export { type RateDecision, RateLimiter, type RateLimiterOptions } from './rate-limit/rate-limiter.ts';
export { defineScript, runScript, runScriptForBuffers, type Script } from './script.ts';
export { connectBlocking, connectStateRedis, refuseEviction, type StateRedisOptions } from './state-redis.ts';
export {
  type PutOutcome,
  TemporaryData,
  type TemporaryDataOptions,
} from './temporary-data/temporary-data.ts';
