import { CatalogError } from '@catalog/contracts';
import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Counts one read past the caches. Rejects with `rate_limited` when the caller has used up its share. */
export type CountBypass = (req: Request) => Promise<void>;

/**
 * Limits the reads that a caller sends past the caches: with `Min-Version`, and with the view of a key. Without a limit,
 * each of them would be a query at no cost to the caller. This process counts alone, because each process has its own
 * pool of connections.
 */
export function createBypassLimit(perSecond: number): CountBypass {
  const limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  return async (req) => {
    try {
      await limiter.consume(`${req.caller?.subject ?? 'anonymous'} ${req.ip ?? ''}`);
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      throw new CatalogError(
        'rate_limited',
        `At most ${perSecond} reads a second may bypass the caches, with Min-Version or to view a key.`,
        { retryAfterSeconds: 1 },
      );
    }
  };
}
