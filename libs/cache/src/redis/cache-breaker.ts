import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { limits, timings } from '../timings.ts';

export interface CacheBreaker {
  /** @throws what the call throws; an error of the breaker, without a call, while Redis fails */
  execute<T>(call: () => Promise<T>): Promise<T>;
  isOpen(): boolean;
}

/**
 * While Redis hangs, each call would wait for its timeout. After a few failures readers go straight to Postgres, and
 * one call now and then tests whether Redis is back.
 */
export function createCacheBreaker(): CacheBreaker {
  const breaker = circuitBreaker(handleAll, {
    halfOpenAfter: timings.breakerRetry_ms,
    breaker: new ConsecutiveBreaker(limits.breakerFailures),
  });
  return {
    execute: (call) => breaker.execute(call),
    isOpen: () => breaker.state !== CircuitState.Closed,
  };
}
