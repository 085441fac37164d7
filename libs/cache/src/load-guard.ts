import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  ConsecutiveBreaker,
  handleWhen,
  wrap,
} from 'cockatiel';
import { CatalogError, limits, timings } from '@catalog/contracts';

/** @throws CatalogError `unavailable`: Postgres fails, is late, or has too many readers waiting */
export type LoadGuard = <T>(load: () => Promise<T>) => Promise<T>;

/**
 * Stands between readers and Postgres: a bulkhead (so many loads at once, so many waiting, the others are turned
 * away), a circuit breaker (while it fails, it is not asked) and a deadline.
 */
export function createLoadGuard(): LoadGuard {
  const policy = wrap(
    bulkhead(limits.loadConcurrency, limits.loadWaiting),
    // A request that breaks a rule says nothing about the health of Postgres.
    circuitBreaker(
      handleWhen((error) => !(error instanceof CatalogError)),
      {
        halfOpenAfter: timings.breakerRetry_ms,
        breaker: new ConsecutiveBreaker(limits.breakerFailures),
      },
    ),
  );
  return async (load) => {
    try {
      return await withDeadline(policy.execute(load));
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      const detail =
        error instanceof BulkheadRejectedError
          ? 'too many reads are waiting for the database'
          : 'the database cannot be read';
      throw new CatalogError('unavailable', detail, { retryAfterSeconds: 1, cause: error });
    }
  };
}

/** The load goes on, and keeps its place in the bulkhead until it ends. */
async function withDeadline<T>(result: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => reject(new CatalogError('unavailable', 'the database is too slow', { retryAfterSeconds: 1 })),
      timings.load_ms,
    );
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}
