import { CatalogUnavailable } from '../errors.ts';

/** When a caller stops waiting. */
export interface CallOptions {
  /** For the whole call, repetitions included. */
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

  /** Of several callers who wait for one request, the most patient; nobody's own signal ends it for all. */
  static latest(deadlines: readonly Deadline[], now: () => number): Deadline {
    return new Deadline(now, Math.max(0, ...deadlines.map(({ remaining_ms }) => remaining_ms)));
  }

  /** The outcome of shared work, for one caller: later than its deadline is too late for it alone. */
  async bound<T>(work: () => Promise<T>): Promise<T> {
    this.signal?.throwIfAborted();
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(late()), this.remaining_ms);
    const onAbort = () => reject(this.signal?.reason as Error);
    this.signal?.addEventListener('abort', onAbort, { once: true });
    try {
      return await Promise.race([work(), ended]);
    } finally {
      clearTimeout(timer);
      this.signal?.removeEventListener('abort', onAbort);
    }
  }
}

export function late(cause?: unknown): CatalogUnavailable {
  return new CatalogUnavailable('deadline', 'There was no answer in time.', { cause });
}
