import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import { callerGaveUp, CatalogError } from '@catalog/contracts';
import { limits, timings } from '../timings.ts';

/**
 * @param isWanted asked when the load's turn has come: whether anybody still waits for it
 * @throws CatalogError `unavailable`: Postgres fails, is late, or has too many readers waiting
 */
export type LoadGuard = <T>(load: () => Promise<T>, isWanted?: () => boolean) => Promise<T>;

/**
 * busy: too many waited · failing: Postgres was not asked, or failed · slow: it did not answer in time · unwanted: all
 * who waited for it had given up before its turn came
 */
export type Shed = 'busy' | 'failing' | 'slow' | 'unwanted';

/** How the guard stands, for metrics. */
export interface LoadGuardState {
  readonly running: number;
  readonly waiting: number;
  /** Postgres fails, and is asked by one caller now and then. */
  readonly isOpen: boolean;
  /** Loads whose callers were turned away since the start. */
  readonly shed: Readonly<Record<Shed, number>>;
}

/**
 * Stands between readers and Postgres: a bulkhead (so many loads at once, so many waiting, the others are turned
 * away), a circuit breaker (while it fails, it is not asked) and a deadline.
 */
export function createLoadGuard(
  concurrency: number = limits.loadConcurrency,
): LoadGuard & { state(): LoadGuardState } {
  const places = bulkhead(concurrency, limits.loadWaiting);
  // A request that breaks a rule says nothing about the health of Postgres.
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof CatalogError)),
    { halfOpenAfter: timings.breakerRetry_ms, breaker: new ConsecutiveBreaker(limits.breakerFailures) },
  );
  const shed = { busy: 0, failing: 0, slow: 0, unwanted: 0 };
  const turnAway = (reason: Shed, detail: string, cause?: unknown) => {
    shed[reason] += 1;
    return new CatalogError('unavailable', detail, { retryAfterSeconds: 1, cause });
  };
  const guard: LoadGuard = async (load, isWanted = () => true) => {
    let isLate = false;
    const late = () => {
      isLate = true;
      return turnAway('slow', 'the database is too slow');
    };
    // Before the breaker, for which a load that was not made must be neither a failure nor a success.
    const loadIfWanted = () => {
      if (isLate) throw callerGaveUp();
      if (isWanted()) return breaker.execute(load);
      shed.unwanted += 1;
      throw callerGaveUp();
    };
    try {
      return await withDeadline(places.execute(loadIfWanted), late);
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      throw error instanceof BulkheadRejectedError
        ? turnAway('busy', 'too many reads are waiting for the database', error)
        : turnAway('failing', 'the database cannot be read', error);
    }
  };
  return Object.assign(guard, {
    state: () => ({
      running: concurrency - places.executionSlots,
      waiting: limits.loadWaiting - places.queueSlots,
      isOpen: breaker.state !== CircuitState.Closed,
      shed: { ...shed },
    }),
  });
}

/** A load that runs goes on, and keeps its place in the bulkhead until it ends; one that waits will not begin. */
async function withDeadline<T>(result: Promise<T>, late: () => CatalogError): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(late()), timings.load_ms);
  });
  try {
    return await Promise.race([result, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
