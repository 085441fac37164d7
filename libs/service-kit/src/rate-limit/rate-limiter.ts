import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';

export interface RateLimiterOptions {
  /** The state Redis. Keys are `rate:<name>:<caller>`. */
  readonly redis: Redis;
  /** Tells limits on the same Redis apart. */
  readonly name: string;
  /** Requests that a caller has in a window, over all processes. */
  readonly limit: number;
  readonly window_ms: number;
  /** Monotonic. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** At least so many are left in the window, as far as this process knows. */
  readonly left: number;
  /** Until the window ends. */
  readonly reset_ms: number;
}

/** What this process knows of a caller's window. */
interface Window {
  /** Reserved in Redis for this process, and not used yet. */
  reserved: number;
  /** Left in Redis for everybody. */
  left: number;
  /** By our clock, and never after the end by that of Redis. */
  endsAt_ms: number;
}

interface Caller {
  window: Window | undefined;
  /** Those that wait for the answer to come, first come first served. */
  waiting: ((decision: RateDecision) => void)[];
  asking: boolean;
}

/** Callers that are remembered; one that is forgotten loses what was reserved for it, and no more. */
const rememberedCallers = 10_000;
/** While much is left, so large a part of it is reserved beyond what is needed now. */
const reserveAhead = 1 / 50;

/**
 * Counts requests of callers in windows, exactly: over all processes together no caller gets more than `limit`
 * in a window, and Redis is asked only now and then. A process reserves requests ahead while many are left, and
 * just what it needs as they run out; what it reserved and did not use by the end of the window is lost.
 *
 * A window begins with a caller's first request and ends `window_ms` later, by the clock of Redis. Without Redis
 * each process counts for itself: a limit that protects must not become an outage.
 */
export class RateLimiter {
  readonly limit: number;
  readonly window_ms: number;
  readonly #options: RateLimiterOptions;
  readonly #callers = new LRUCache<string, Caller>({ max: rememberedCallers });

  constructor(options: RateLimiterOptions) {
    this.#options = options;
    this.limit = options.limit;
    this.window_ms = options.window_ms;
    options.redis.defineCommand('reserveRequests', { numberOfKeys: 1, lua: reserveScript });
  }

  /** At once where this process can tell by itself. */
  take(name: string): RateDecision | Promise<RateDecision> {
    const caller = this.#callerOf(name);
    const decision = this.#decideHere(caller);
    if (decision !== undefined) return decision;
    return new Promise((resolve) => {
      caller.waiting.push(resolve);
      if (!caller.asking) void this.#ask(name, caller);
    });
  }

  #callerOf(name: string): Caller {
    let caller = this.#callers.get(name);
    if (caller === undefined) {
      caller = { window: undefined, waiting: [], asking: false };
      this.#callers.set(name, caller);
    }
    return caller;
  }

  #decideHere(caller: Caller): RateDecision | undefined {
    const { window } = caller;
    const now_ms = this.#options.now();
    if (window === undefined || now_ms >= window.endsAt_ms) return undefined;
    const reset_ms = window.endsAt_ms - now_ms;
    if (window.reserved > 0) {
      window.reserved -= 1;
      return { allowed: true, left: window.reserved + window.left, reset_ms };
    }
    return window.left === 0 ? { allowed: false, left: 0, reset_ms } : undefined;
  }

  async #ask(name: string, caller: Caller): Promise<void> {
    caller.asking = true;
    // All that ask in this turn of the loop are asked for together.
    await new Promise(setImmediate);
    while (caller.waiting.length > 0) {
      caller.window = await this.#reserve(name, caller);
      caller.waiting = caller.waiting.filter((resolve) => {
        const decision = this.#decideHere(caller);
        if (decision !== undefined) resolve(decision);
        return decision === undefined;
      });
    }
    caller.asking = false;
  }

  async #reserve(name: string, { window, waiting }: Caller): Promise<Window> {
    const { redis, limit, window_ms, now, onError } = this.#options;
    const asked_ms = now();
    const isOpen = window !== undefined && asked_ms < window.endsAt_ms;
    const wanted = waiting.length + Math.floor((isOpen ? window.left : 0) * reserveAhead);
    try {
      const [reserved, left, endsIn_ms] = await (redis as unknown as WithReserve).reserveRequests(
        `rate:${this.#options.name}:${name}`,
        wanted,
        limit,
        window_ms,
      );
      // Counted from before the call: never later than Redis counts.
      return { reserved, left, endsAt_ms: asked_ms + Math.max(1, endsIn_ms) };
    } catch (error) {
      onError(error);
      return { reserved: limit, left: 0, endsAt_ms: asked_ms + window_ms };
    }
  }
}

interface WithReserve {
  reserveRequests(
    key: string,
    wanted: number,
    limit: number,
    window_ms: number,
  ): Promise<[granted: number, left: number, endsIn_ms: number]>;
}

const reserveScript = readFileSync(new URL('./reserve.lua', import.meta.url), 'utf8');
