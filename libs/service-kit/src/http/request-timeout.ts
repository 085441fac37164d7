import type { IncomingMessage } from 'node:http';
import { CatalogError, REQUEST_TIMEOUT_HEADER } from '@catalog/contracts';

/** How long the caller still waits, as it says itself; undefined if it does not. */
export function requestTimeoutOf(req: IncomingMessage): number | undefined {
  const header = req.headers[REQUEST_TIMEOUT_HEADER.toLowerCase()];
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^\d{1,9}$/.test(header)) return Number(header);
  const message = 'must be a whole number of milliseconds';
  throw new CatalogError('invalid_request', `${REQUEST_TIMEOUT_HEADER} ${message}.`, {
    errors: [{ header: REQUEST_TIMEOUT_HEADER, code: 'malformed', message }],
  });
}
