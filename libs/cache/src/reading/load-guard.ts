import {
  bulkhead,
  BulkheadRejectedError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  handleWhen,
} from 'cockatiel';
import { callerGaveUp, CatalogError } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { limits, timings } from '../timings.ts';

/**
 * @param isWanted asked when it is the load's turn: whether any caller still waits for it
 * @throws CatalogError `unavailable`: Postgres fails or is late, too many loads wait, or every caller has given up
 */
export type LoadGuard = <T>(load: () => Promise<T>, isWanted?: () => boolean) => Promise<T>;

/**
 * Why a load was shed. busy: too many loads waited · failing: Postgres failed, or was not asked because it fails ·
 * slow: Postgres did not answer in time · unwanted: every caller had given up before it was the load's turn
 */
export type Shed = 'busy' | 'failing' | 'slow' | 'unwanted';

/** For metrics. */
export interface LoadGuardState {
  readonly running: number;
  readonly waiting: number;
  /** Postgres fails, and only one call now and then tests it. */
  readonly isOpen: boolean;
  /** Loads that were shed since the start. */
  readonly shed: Readonly<Record<Shed, number>>;
}

/**
 * Protects Postgres from readers: a bulkhead limits how many loads run and wait, a circuit breaker stops calls while
 * Postgres fails, and a deadline limits how long a caller waits.
 */
export function createLoadGuard(
  concurrency: number = limits.loadConcurrency,
): LoadGuard & { state(): LoadGuardState } {
  const places = bulkhead(concurrency, limits.loadWaiting);
  // A request that breaks a rule says nothing about the health of Postgres.
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof CatalogError)),
    { halfOpenAfter: timings.loadRetry_ms, breaker: new ConsecutiveBreaker(limits.breakerFailures) },
  );
  const shed = { busy: 0, failing: 0, slow: 0, unwanted: 0 };
  const turnAway = (reason: Shed, detail: string, cause?: unknown) => {
    shed[reason] += 1;
    return new CatalogError('unavailable', detail, { retryAfterSeconds: 1, cause });
  };
  const guard: LoadGuard = async (load, isWanted = () => true) => {
    // This check stands outside the breaker, which must not count a load that was not made.
    const loadIfWanted = (signal: AbortSignal) => {
      if (signal.aborted) throw callerGaveUp();
      if (isWanted()) return breaker.execute(load);
      shed.unwanted += 1;
      throw callerGaveUp();
    };
    try {
      // A load that is running at the deadline continues, and keeps its place until it ends. A waiting load never begins.
      return await withDeadline((signal) => places.execute(() => loadIfWanted(signal)), {
        after_ms: timings.load_ms,
        late: () => turnAway('slow', 'the database is too slow'),
      });
    } catch (error) {
      if (error instanceof CatalogError) throw error;
      throw error instanceof BulkheadRejectedError
        ? turnAway('busy', 'too many reads wait for the database', error)
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
