import { withDeadline } from '@catalog/runtime';
import { CatalogUnavailable } from '../errors.ts';

/** When a caller stops waiting. */
export interface CallOptions {
  /** For the whole call, with its retries. */
  readonly timeout_ms?: number;
  readonly signal?: AbortSignal;
}

export class Deadline {
  readonly #now: () => number;
  readonly #until_ms: number;
  readonly signal: AbortSignal | undefined;

  /** @param now a monotonic clock, in milliseconds */
  constructor(now: () => number, timeout_ms: number, signal?: AbortSignal) {
    this.#now = now;
    this.#until_ms = now() + timeout_ms;
    this.signal = signal;
  }

  get remaining_ms(): number {
    return Math.max(0, this.#until_ms - this.#now());
  }

  /** The latest deadline of several callers that share one request. The signal of one caller does not end it for all. */
  static latest(deadlines: readonly Deadline[], now: () => number): Deadline {
    return new Deadline(now, Math.max(0, ...deadlines.map(({ remaining_ms }) => remaining_ms)));
  }

  /** Ends the wait of this caller for shared work. The work goes on for the others. */
  bound<T>(work: () => Promise<T>): Promise<T> {
    return withDeadline(work, { after_ms: this.remaining_ms, signal: this.signal, late });
  }
}

export function late(cause?: unknown): CatalogUnavailable {
  return new CatalogUnavailable('deadline', 'The catalog did not answer within the deadline.', { cause });
}
