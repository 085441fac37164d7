import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { isRedirect } from './cache-connection.ts';
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
  // A shard that has lost a slot still answers for all others.
  const breaker = circuitBreaker(
    handleWhen((error) => !isRedirect(error)),
    {
      halfOpenAfter: timings.breakerRetry_ms,
      breaker: new ConsecutiveBreaker(limits.breakerFailures),
    },
  );
  return {
    execute: (call) => breaker.execute(call),
    isOpen: () => breaker.state !== CircuitState.Closed,
  };
}
