export interface Deadline {
  /** When the time is over, by `performance.now()`. Infinity sets no limit. Exactly one of this and `after_ms`. */
  readonly until_ms?: number;
  /** How long the work may take, counted from the call. */
  readonly after_ms?: number;
  /** What the caller hears when the time is over. */
  readonly late: () => Error;
}

/**
 * The result of `work`, or the error `late` when the time is over first. Work whose time is over already does not begin.
 *
 * A promise cannot be stopped from outside, so late work goes on. Its signal aborts: work that has more to do should
 * look at it before the next step. A late failure of the work is dropped.
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { until_ms, after_ms, late }: Deadline,
): Promise<T> {
  const left_ms = after_ms ?? (until_ms ?? Number.POSITIVE_INFINITY) - performance.now();
  const controller = new AbortController();
  if (left_ms === Number.POSITIVE_INFINITY) return work(controller.signal);
  if (left_ms <= 0) throw late();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = late();
      reject(error);
      controller.abort(error);
    }, left_ms);
  });
  try {
    return await Promise.race([work(controller.signal), end]);
  } finally {
    clearTimeout(timer);
  }
}
