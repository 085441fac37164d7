import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll, type IPolicy } from 'cockatiel';
import { limits, timings } from '../timings.ts';

/** While Redis hangs, every call would wait for its timeout; after a few, readers go straight to Postgres. */
export type CacheBreaker = Pick<IPolicy, 'execute'>;

export function createCacheBreaker(): CacheBreaker & { isOpen(): boolean } {
  const breaker = circuitBreaker(handleAll, {
    halfOpenAfter: timings.breakerRetry_ms,
    breaker: new ConsecutiveBreaker(limits.breakerFailures),
  });
  return {
    execute: (call, signal) => breaker.execute(call, signal),
    isOpen: () => breaker.state !== CircuitState.Closed,
  };
}
