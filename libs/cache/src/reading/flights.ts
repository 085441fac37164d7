import { PassingMap } from '@catalog/runtime';
import { timings } from '../timings.ts';
import type { MonotonicReads } from './monotonic-reads.ts';

/** How long a caller waits, by `performance.now()`. Callers that share work wait as long as the most patient of them. */
export interface Patience {
  until_ms: number;
}

interface Flight<T> {
  readonly began_ms: number;
  readonly mark: number;
  readonly patience: Patience;
  readonly result: Promise<T>;
}

/** Callers of one key at one time share one flight: one way through Redis and Postgres. */
export class Flights<T> {
  readonly #inProgress = new PassingMap<string, Flight<T>>();
  readonly #now: () => number;
  readonly #monotonic: Pick<MonotonicReads, 'mark' | 'isForgottenSince'>;

  constructor(now: () => number, monotonic: Pick<MonotonicReads, 'mark' | 'isForgottenSince'>) {
    this.#now = now;
    this.#monotonic = monotonic;
  }

  join(cacheKey: string, until_ms: number, fly: (patience: Readonly<Patience>) => Promise<T>): Promise<T> {
    const began_ms = this.#now();
    const present = this.#inProgress.get(cacheKey);
    // If this process was paused since an older flight began, the answer of that flight may be older than the bound.
    const isRecent = present !== undefined && began_ms - present.began_ms <= timings.flightJoin_ms;
    // A flight that began before Postgres went back has to be repeated.
    if (isRecent && !this.#monotonic.isForgottenSince(cacheKey, present.mark)) {
      present.patience.until_ms = Math.max(present.patience.until_ms, until_ms);
      return present.result;
    }
    const patience = { until_ms };
    const result = fly(patience).finally(() => {
      if (this.#inProgress.get(cacheKey) === flight) this.#inProgress.delete(cacheKey);
    });
    const flight: Flight<T> = { began_ms, mark: this.#monotonic.mark(), patience, result };
    this.#inProgress.set(cacheKey, flight);
    return result;
  }
}
