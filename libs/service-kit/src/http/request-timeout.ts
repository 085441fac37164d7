import type { IncomingMessage } from 'node:http';
import { CatalogError, REQUEST_TIMEOUT_HEADER } from '@catalog/contracts';
import { z } from 'zod';

/** The header as OpenAPI documents declare it. */
export const requestTimeoutHeader = {
  [REQUEST_TIMEOUT_HEADER]: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional()
    .describe(
      'How many milliseconds the caller still waits; then it is answered 503, and what was not begun is not.',
    ),
};

/**
 * When the caller gives up, by `performance.now()`; never, if it does not say. For whoever is about to wait: what is
 * answered at once need not know.
 *
 * @throws CatalogError `invalid_request`
 */
export function waitsUntil(req: IncomingMessage): number {
  const header = req.headers[REQUEST_TIMEOUT_HEADER.toLowerCase()];
  if (header === undefined) return Number.POSITIVE_INFINITY;
  if (typeof header === 'string' && /^\d{1,9}$/.test(header)) return performance.now() + Number(header);
  const message = 'must be a whole number of milliseconds';
  throw new CatalogError('invalid_request', `${REQUEST_TIMEOUT_HEADER} ${message}.`, {
    errors: [{ header: REQUEST_TIMEOUT_HEADER, code: 'malformed', message }],
  });
}
