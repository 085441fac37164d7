import { CatalogError } from '@catalog/contracts';
import type { Request } from 'express';
import { LRUCache } from 'lru-cache';

/**
 * Reads that `Min-Version` pushes past the caches, limited per caller: without this the header would be a free
 * way to make every read a query. A token bucket of one second, in this process.
 */
export class BypassLimit {
  readonly #perSecond: number;
  readonly #now: () => number;
  readonly #buckets = new LRUCache<string, { tokens: number; at_ms: number }>({ max: 10_000 });

  constructor(perSecond: number, now: () => number) {
    this.#perSecond = perSecond;
    this.#now = now;
  }

  /** @throws CatalogError `rate_limited` */
  take(req: Request): void {
    const caller = `${req.caller?.subject ?? 'anonymous'} ${req.ip ?? ''}`;
    const now = this.#now();
    const bucket = this.#buckets.get(caller) ?? { tokens: this.#perSecond, at_ms: now };
    const tokens = Math.min(this.#perSecond, bucket.tokens + ((now - bucket.at_ms) / 1000) * this.#perSecond);
    if (tokens < 1) {
      throw new CatalogError(
        'rate_limited',
        `At most ${this.#perSecond} reads a second may pass the caches.`,
        {
          retryAfterSeconds: 1,
        },
      );
    }
    this.#buckets.set(caller, { tokens: tokens - 1, at_ms: now });
  }
}
