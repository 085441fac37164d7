import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { defineScript, runScript } from '../script.ts';

const reserveScript = defineScript<[granted: number, left: number, endsIn_ms: number]>(
  import.meta.url,
  './reserve.lua',
);

export interface RateLimiterOptions {
  /** The state Redis. Keys are `rate:<name>:<caller>`. */
  readonly redis: Redis;
  /** Part of the keys: separates several limiters on one Redis. */
  readonly name: string;
  /** Requests of one caller in a window, over all processes. */
  readonly limit: number;
  readonly window_ms: number;
  /** Monotonic. */
  readonly now: () => number;
  readonly onError: (error: unknown) => void;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Requests left in the window, as far as this process knows; there may be more. */
  readonly left: number;
  /** Until the window ends. */
  readonly reset_ms: number;
}

/** A caller's window, as far as this process knows. */
interface Window {
  /** Requests that this process has reserved in Redis and not used yet. */
  reserved: number;
  /** Requests left in Redis for all processes. */
  left: number;
  /** By this process's clock, and never later than the end by the clock of Redis. */
  endsAt_ms: number;
}

interface Caller {
  window: Window | undefined;
  /** Requests that wait for Redis, in the order in which they came. */
  waiting: ((decision: RateDecision) => void)[];
  asking: boolean;
}

/** A caller that is forgotten loses only the requests that were reserved for it. */
const rememberedCallers = 10_000;
/** The part of the remaining requests that one call reserves ahead. */
const reserveAhead = 1 / 50;

/**
 * An exact limit: all processes together let a caller send at most `limit` requests in a window. Few requests ask
 * Redis. While many requests are left, a process reserves some ahead; as they run out, it reserves only those it needs.
 * Reserved requests that are not used by the end of the window are lost.
 *
 * A window begins with a caller's first request and ends `window_ms` later, by the clock of Redis. While Redis is away
 * each process counts alone, since a limit that protects must not become an outage.
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
  }

  /** Decides at once when this process knows enough, else asks Redis. */
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
    // Requests of one turn of the event loop share one call.
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
      const [reserved, left, endsIn_ms] = await runScript(
        redis,
        reserveScript,
        [`rate:${this.#options.name}:${name}`],
        [wanted, limit, window_ms],
      );
      // Counted from before the call, so that this process never ends the window later than Redis does.
      return { reserved, left, endsAt_ms: asked_ms + Math.max(1, endsIn_ms) };
    } catch (error) {
      onError(error);
      return { reserved: limit, left: 0, endsAt_ms: asked_ms + window_ms };
    }
  }
}
