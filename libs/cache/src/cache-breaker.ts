import { circuitBreaker, ConsecutiveBreaker, handleAll, type IPolicy } from 'cockatiel';
import { limits, timings } from '@catalog/contracts';

/** While Redis hangs, every call would wait for its timeout; after a few, readers go straight to Postgres. */
export type CacheBreaker = Pick<IPolicy, 'execute'>;

export function createCacheBreaker(): CacheBreaker {
  return circuitBreaker(handleAll, {
    halfOpenAfter: timings.breakerRetry_ms,
    breaker: new ConsecutiveBreaker(limits.breakerFailures),
  });
}
