import { CatalogError } from './errors.ts';

/**
 * Request header: how many milliseconds the caller still waits for the answer. A service that calls others passes
 * on what is left of it, so that nobody works for a caller that has given up.
 */
export const REQUEST_TIMEOUT_HEADER = 'Request-Timeout-Ms';

/** For a caller that has most likely given up already: nobody works for it any more. */
export const callerGaveUp = (): CatalogError =>
  new CatalogError('unavailable', `The time that ${REQUEST_TIMEOUT_HEADER} gave is over.`, {
    retryAfterSeconds: 1,
  });

/**
 * The result of `work`, if it comes before `until_ms` (by `performance.now()`); what is late already is not begun.
 * `work` that is late goes on, and must see for itself what is not worth beginning any more.
 *
 * @throws CatalogError `unavailable` when the time is over
 */
export async function inTime<T>(until_ms: number, work: () => Promise<T>): Promise<T> {
  if (until_ms === Number.POSITIVE_INFINITY) return work();
  const left_ms = until_ms - performance.now();
  if (left_ms <= 0) throw callerGaveUp();
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(callerGaveUp()), left_ms);
  });
  try {
    return await Promise.race([work(), end]);
  } finally {
    clearTimeout(timer);
  }
}
