import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorCatalogue, type CatalogError, type Problem } from '@catalog/contracts';

/** An address of the service that answers. It shows the cause and the remedy. */
function problemType(code: string): string {
  return `/problems/${code}`;
}

export function toProblem(error: CatalogError, requestId: string): Problem {
  const { status, title } = errorCatalogue[error.code];
  // The text of a bug could reveal internals.
  const detail = error.code === 'internal_error' ? errorCatalogue.internal_error.cause : error.message;
  return {
    type: problemType(error.code),
    title,
    status,
    code: error.code,
    detail,
    requestId,
    errors: [...error.errors],
  };
}

/** Answers as RFC 9457 says. Keeps headers that were set before, such as `Allow` and `WWW-Authenticate`. */
export function sendProblem(res: ServerResponse, error: CatalogError, requestId: string): void {
  const body = Buffer.from(JSON.stringify(toProblem(error, requestId)));
  // The failed handler set these for its own answer. They are wrong for this one.
  for (const name of [
    'etag',
    'last-modified',
    'content-encoding',
    'content-range',
    'cache-status',
    'age',
    'location',
  ])
    res.removeHeader(name);
  res.statusCode = error.status;
  res.setHeader('Content-Type', 'application/problem+json');
  res.setHeader('Content-Length', body.length);
  res.setHeader('Cache-Control', 'no-store');
  res.setHeader('X-Request-Id', requestId);
  if (error.retryAfterSeconds !== undefined) res.setHeader('Retry-After', Math.ceil(error.retryAfterSeconds));
  if (bodyStillComes(res.req)) endAfterRequest(res, body);
  else res.end(body);
}

/** A shorter rest is read and dropped, so that the connection can be used again. */
const worthReading_bytes = 64 * 1024;
const linger_ms = 1_000;

function bodyStillComes(req: IncomingMessage): boolean {
  if (req.complete || req.destroyed) return false;
  const length = req.headers['content-length'];
  return length === undefined
    ? req.headers['transfer-encoding'] !== undefined
    : Number(length) > worthReading_bytes;
}

/**
 * Sends the answer at once, and ends it a moment later while the rest of the request is dropped. Closing a socket with
 * unread bytes resets it, and the reset can overtake the answer (RFC 9112, 9.6).
 */
function endAfterRequest(res: ServerResponse, body: Buffer): void {
  const { req } = res;
  res.setHeader('Connection', 'close');
  res.write(body);
  const end = (): void => {
    clearTimeout(timer);
    req.off('end', end).off('close', end).off('error', end);
    res.end();
  };
  const timer = setTimeout(end, linger_ms);
  req.on('end', end).on('close', end).on('error', end);
  req.resume();
}
