import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;
// Unique among processes by the prefix, within one by the count; cheaper than randomness for each.
const prefix = randomBytes(9).toString('base64url');
let count = 0;

export function newRequestId(): string {
  return `${prefix}.${(++count).toString(36)}`;
}

const requestId = Symbol('requestId');

/** The client's `X-Request-Id` where it is harmless, else one of ours; made on first use only. */
export function requestIdOf(req: IncomingMessage & { [requestId]?: string }): string {
  const known = req[requestId];
  if (known !== undefined) return known;
  const given = req.headers['x-request-id'];
  return (req[requestId] = typeof given === 'string' && acceptable.test(given) ? given : newRequestId());
}
