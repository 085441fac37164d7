import { CatalogError } from '@catalog/contracts';
import type { Request, RequestHandler, Response } from 'express';
import { type Caller, isAnonymous } from '../auth/verify.ts';
import type { RateDecision, RateLimiter } from '@catalog/redis';
import { networkOf } from './network.ts';

export type RequestLimit = Pick<RateLimiter, 'limit' | 'window_ms' | 'take'>;

/** Where some requests must be decided at once. */
export type ImmediateLimit = RequestLimit & Pick<RateLimiter, 'takeHere'>;

/**
 * The caller that a request counts for: the owner of the key that signed its token, whatever subject the token names. Without
 * a token it is the network of its address.
 */
export const callerKey = (req: Request): string => callerKeyOf(req.caller, req.ip);

export function callerKeyOf(caller: Caller | undefined, address = ''): string {
  return caller === undefined || isAnonymous(caller) ? addressKey(address) : ownerKey(caller.owner);
}

// Requests of one caller come in rows, and a key that was used before has its hash.
const addressKey = rememberLast((address) => `address:${networkOf(address)}`);
const ownerKey = rememberLast((owner) => `caller:${owner}`);

function rememberLast(keyOf: (name: string) => string): (name: string) => string {
  let last: string | undefined;
  let key = '';
  return (name) => {
    if (name !== last) {
      last = name;
      key = keyOf(name);
    }
    return key;
  };
}

/** The values of the headers `RateLimit-Policy` and `RateLimit`. */
export const rateLimitPolicy = ({ limit, window_ms }: Pick<RequestLimit, 'limit' | 'window_ms'>): string =>
  `"default";q=${limit};w=${Math.ceil(window_ms / 1000)}`;
export const rateLimitState = ({ left, reset_ms }: RateDecision): string =>
  `"default";r=${left};t=${Math.ceil(reset_ms / 1000)}`;

/**
 * The number of requests that this one counts as.
 *
 * The request is not checked yet: it may be wrong in any way.
 */
export type RequestCost = (req: Request) => number;

/**
 * Runs after `authenticate`, unless `keyOf` names the caller otherwise. Answers 429 with `Retry-After` above the limit. Every answer
 * has `RateLimit-Policy` and `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, in requests and seconds.
 */
export function limitRate(
  limiter: RequestLimit,
  costOf: RequestCost = () => 1,
  keyOf: (req: Request, res: Response) => string = callerKey,
): RequestHandler {
  const policy = rateLimitPolicy(limiter);
  const apply = (res: Response, decision: RateDecision) => {
    res.setHeader('RateLimit-Policy', policy);
    res.setHeader('RateLimit', rateLimitState(decision));
    if (decision.allowed) return;
    throw new CatalogError(
      'rate_limited',
      `The limit is ${limiter.limit} requests in ${limiter.window_ms / 1000} s.`,
      { retryAfterSeconds: Math.ceil(decision.reset_ms / 1000) },
    );
  };
  return (req, res, next) => {
    const decision = limiter.take(keyOf(req, res), costOf(req));
    if (!(decision instanceof Promise)) {
      apply(res, decision);
      next();
      return;
    }
    decision
      .then((late) => {
        apply(res, late);
        next();
      })
      .catch(next);
  };
}
