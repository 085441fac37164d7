import { timings } from '../timings.ts';

/** How long a caller waits, by `performance.now()`. Callers that share work wait as long as the most patient of them. */
export interface Patience {
  until_ms: number;
}

interface Flight<T> {
  readonly began_ms: number;
  readonly patience: Patience;
  readonly result: Promise<T>;
}

/** Callers of one key at one time share one flight: one way through Redis and Postgres. */
export class Flights<T> {
  readonly #inProgress = new Map<string, Flight<T>>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  join(key: string, until_ms: number, fly: (patience: Readonly<Patience>) => Promise<T>): Promise<T> {
    const began_ms = this.#now();
    const present = this.#inProgress.get(key);
    // If this process was paused since an older flight began, the answer of that flight may be older than the bound.
    if (present !== undefined && began_ms - present.began_ms <= timings.flightJoin_ms) {
      present.patience.until_ms = Math.max(present.patience.until_ms, until_ms);
      return present.result;
    }
    const patience = { until_ms };
    const result = fly(patience).finally(() => {
      if (this.#inProgress.get(key) === flight) this.#inProgress.delete(key);
    });
    const flight: Flight<T> = { began_ms, patience, result };
    this.#inProgress.set(key, flight);
    return result;
  }
}
