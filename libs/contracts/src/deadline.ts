import { CatalogError } from './errors.ts';

/**
 * Request header: how many milliseconds the caller still waits for the answer. A service that calls others passes on
 * what is left of it, so that no service works for a caller that has given up.
 */
export const REQUEST_TIMEOUT_HEADER = 'Request-Timeout-Ms';

/** The answer after that time. The caller has most likely stopped waiting for it. */
export const callerGaveUp = (): CatalogError =>
  new CatalogError('unavailable', `The time that ${REQUEST_TIMEOUT_HEADER} allowed is over.`, {
    retryAfterSeconds: 1,
  });
