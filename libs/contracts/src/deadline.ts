/**
 * Request header: how many milliseconds the caller still waits for the answer. A service that calls others passes
 * on what is left of it, so that nobody works for a caller that has given up.
 */
export const REQUEST_TIMEOUT_HEADER = 'Request-Timeout-Ms';
