export interface Deadline {
  /** When the time is over, by `performance.now()`. Infinity sets no limit. Exactly one of this and `after_ms`. */
  readonly until_ms?: number;
  /** How long the work may take, counted from the call. */
  readonly after_ms?: number;
  /** What the caller hears when the time is over. */
  readonly late: () => Error;
  /** Ends the wait early, when the caller gives up. Its reason is then what the caller hears. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The result of `work`, or the error `late` when the time is over first. Work whose time is over already does not begin.
 *
 * A promise cannot be stopped from outside, so late work goes on. Its signal aborts: work that has more to do should
 * look at it before the next step. A late failure of the work is dropped.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { until_ms, after_ms, late, signal }: Deadline,
): Promise<T> {
  signal?.throwIfAborted();
  const left_ms = after_ms ?? (until_ms ?? Number.POSITIVE_INFINITY) - performance.now();
  if (left_ms <= 0) throw late();
  const controller = new AbortController();
  const ended = Promise.withResolvers<never>();
  const end = (error: Error) => {
    ended.reject(error);
    controller.abort(error);
  };
  const onAbort = () => end(signal?.reason as Error);
  signal?.addEventListener('abort', onAbort);
  // Node would turn an infinite delay into one millisecond.
  const timer = left_ms === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => end(late()), left_ms);
  try {
    return await Promise.race([work(controller.signal), ended.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}
