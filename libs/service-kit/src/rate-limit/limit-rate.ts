import { CatalogError } from '@catalog/contracts';
import type { Request, RequestHandler, Response } from 'express';
import type { RateDecision, RateLimiter } from '@catalog/redis';

export type RequestLimit = Pick<RateLimiter, 'limit' | 'window_ms' | 'take'>;

/** The caller that a request counts for: the subject of its token, or its address without a token. */
export function callerKey(req: Request): string {
  const subject = req.caller?.subject;
  return subject === undefined || subject === 'anonymous' ? `address:${req.ip ?? ''}` : `caller:${subject}`;
}

/**
 * Runs after `authenticate`. Answers 429 with `Retry-After` above the limit. Every answer has `RateLimit-Policy` and
 * `RateLimit` of draft-ietf-httpapi-ratelimit-headers-10, in requests and seconds.
 */
export function limitRate(limiter: RequestLimit): RequestHandler {
  const policy = `"default";q=${limiter.limit};w=${Math.ceil(limiter.window_ms / 1000)}`;
  const apply = (res: Response, { allowed, left, reset_ms }: RateDecision) => {
    const reset_s = Math.ceil(reset_ms / 1000);
    res.setHeader('RateLimit-Policy', policy);
    res.setHeader('RateLimit', `"default";r=${left};t=${reset_s}`);
    if (allowed) return;
    throw new CatalogError(
      'rate_limited',
      `The limit is ${limiter.limit} requests in ${limiter.window_ms / 1000} s.`,
      { retryAfterSeconds: reset_s },
    );
  };
  return (req, res, next) => {
    const decision = limiter.take(callerKey(req));
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
