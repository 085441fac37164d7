import { CatalogError } from '@catalog/contracts';
import { anonymousCaller } from '@catalog/service-kit';
import type { Request } from 'express';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';

/** Counts one read past the caches. Rejects with `rate_limited` when the caller has used up its share. */
export type CountBypass = (req: Request) => Promise<void>;

/**
 * Limits the reads that a caller sends past the caches: with `Min-Version`, and with the view of a key. Without a limit,
 * each of them would be a query at no cost to the caller. The limit belongs to the owner of a key, for all of its subjects and
 * addresses together. This process counts alone, because each process has its own
 * pool of connections.
 */
export function createBypassLimit(perSecond: number): CountBypass {
  const limiter = new RateLimiterMemory({ points: perSecond, duration: 1 });
  return async (req) => {
    try {
      // All callers without a token share one limit: addresses cost nothing, and all of them load the same Postgres.
      await limiter.consume(req.caller?.owner ?? anonymousCaller.owner);
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
