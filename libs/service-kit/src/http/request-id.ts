import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;
// The prefix is unique for the process, the count within it. Random bytes for each request would cost more.
const prefix = randomBytes(9).toString('base64url');
let count = 0;

export function newRequestId(): string {
  return `${prefix}.${(++count).toString(36)}`;
}

const requestId = Symbol('requestId');

/** The client's `X-Request-Id` if it is harmless, otherwise one of ours. It is made at the first use. */
export function requestIdOf(req: IncomingMessage & { [requestId]?: string }): string {
  const known = req[requestId];
  if (known !== undefined) return known;
  const given = req.headers['x-request-id'];
  return (req[requestId] = typeof given === 'string' && acceptable.test(given) ? given : newRequestId());
}
