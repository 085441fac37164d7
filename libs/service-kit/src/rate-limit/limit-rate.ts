import { CatalogError } from '@catalog/contracts';
import type { Request, RequestHandler, Response } from 'express';
import type { RateDecision, RateLimiter } from '@catalog/redis';

export type RequestLimit = Pick<RateLimiter, 'limit' | 'window_ms' | 'take'>;

/** Who a request counts for: the caller that its token names, or the address of one without a token. */
export function callerKey(req: Request): string {
  const subject = req.caller?.subject;
  return subject === undefined || subject === 'anonymous' ? `address:${req.ip ?? ''}` : `caller:${subject}`;
}

/**
 * After `authenticate`: 429 with `Retry-After` beyond the limit; in any case the fields `RateLimit-Policy` and
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
      `At most ${limiter.limit} requests in ${limiter.window_ms / 1000} s are answered.`,
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
