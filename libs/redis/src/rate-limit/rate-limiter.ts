import type { Redis } from 'ioredis';
import { LRUCache } from 'lru-cache';
import { isNearlyFullInLua, nearlyFull } from '../memory/nearly-full.ts';
import { defineScript, runScript } from '../script.ts';
import { RedisPace } from './redis-pace.ts';

const reserveScript = defineScript<[granted: number, left: number, endsIn_ms: number]>(
  import.meta.url,
  isNearlyFullInLua,
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
  /** How long a request waits for Redis at most; 25 ms unless set. */
  readonly wait_ms?: number;
  /** Monotonic; `performance.now` unless set. */
  readonly now?: () => number;
  /** Redis is too slow, or fails. Called once, until it works again. */
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
  /**
   * Requests that this process has reserved in Redis and not used yet. Below zero: requests that it has allowed while
   * Redis was slow, and that Redis must still count.
   */
  reserved: number;
  /** Requests left in Redis for all processes, when it last answered. */
  left: number;
  /** By this process's clock, and never later than the end by the clock of Redis. */
  endsAt_ms: number;
}

interface Caller {
  window: Window | undefined;
  /** Requests that wait for Redis, in the order in which they came. */
  waiting: { readonly cost: number; readonly resolve: (decision: RateDecision) => void }[];
  asking: boolean;
}

/** A caller that is forgotten loses only the requests that were reserved for it. */
const rememberedCallers = 10_000;
/** Redis answers within a millisecond. After this time it hangs, or is busy for longer than a request should wait. */
const defaultWait_ms = 25;
/** The part of the remaining requests that one call reserves ahead. */
const reserveAhead = 1 / 50;

/**
 * An exact limit: all processes together let a caller send at most `limit` requests in a window. Few requests ask
 * Redis. While many requests are left, a process reserves some ahead; as they run out, it reserves only those it needs.
 * Reserved requests that are not used by the end of the window are lost.
 *
 * A window begins with a caller's first request and ends `window_ms` later, by the clock of Redis. While Redis is slow,
 * away or nearly full, each process counts alone and no request waits, because a limit that protects must not become an outage. Then
 * each process lets a caller send at most what was left when Redis last answered, and has Redis count it later.
 */
export class RateLimiter {
  readonly limit: number;
  readonly window_ms: number;
  readonly #options: RateLimiterOptions & Required<Pick<RateLimiterOptions, 'now'>>;
  readonly #pace: RedisPace;
  readonly #callers = new LRUCache<string, Caller>({ max: rememberedCallers });
  /** The last caller. Requests of one caller come in rows, and it is the youngest in the LRU list already. */
  #last: { readonly name: string; readonly caller: Caller } | undefined;

  constructor(options: RateLimiterOptions) {
    const now = options.now ?? performance.now.bind(performance);
    this.#options = { ...options, now };
    this.limit = options.limit;
    this.window_ms = options.window_ms;
    this.#pace = new RedisPace({
      // It writes, because a full Redis still answers reads.
      check: () => this.#call('check', 0, 0),
      wait_ms: options.wait_ms ?? defaultWait_ms,
      now,
      onSlow: options.onError,
    });
  }

  /**
   * Decides at once when this process knows enough or Redis is slow, else asks Redis.
   *
   * @param cost the number of requests that it counts as. If fewer are left, it is refused and takes none
   */
  take(name: string, cost = 1): RateDecision | Promise<RateDecision> {
    const decision = this.takeHere(name, cost);
    if (decision !== undefined) return decision;
    const caller = this.#callerOf(name);
    return new Promise((resolve) => {
      caller.waiting.push({ cost, resolve });
      if (!caller.asking) void this.#ask(name, caller);
    });
  }

  /** As `take` if this process can decide at once. Otherwise undefined, and nothing is taken. */
  takeHere(name: string, cost = 1): RateDecision | undefined {
    return this.#decideHere(this.#callerOf(name), cost);
  }

  #callerOf(name: string): Caller {
    if (this.#last?.name === name) return this.#last.caller;
    let caller = this.#callers.get(name);
    if (caller === undefined) {
      caller = { window: undefined, waiting: [], asking: false };
      this.#callers.set(name, caller);
    }
    this.#last = { name, caller };
    return caller;
  }

  #decideHere(caller: Caller, cost: number): RateDecision | undefined {
    const now_ms = this.#options.now();
    let window = openWindow(caller, now_ms);
    if (window === undefined) {
      if (!this.#pace.isSlow()) return undefined;
      window = { reserved: 0, left: this.limit, endsAt_ms: now_ms + this.window_ms };
      caller.window = window;
    }
    const left = window.reserved + window.left;
    const reset_ms = window.endsAt_ms - now_ms;
    if (left < cost) return { allowed: false, left: Math.max(0, left), reset_ms };
    if (window.reserved < cost && !this.#pace.isSlow()) return undefined;
    window.reserved -= cost;
    return { allowed: true, left: left - cost, reset_ms };
  }

  async #ask(name: string, caller: Caller): Promise<void> {
    caller.asking = true;
    // Requests of one turn of the event loop share one call.
    await new Promise(setImmediate);
    while (caller.waiting.length > 0) {
      await this.#pace.waitFor(this.#reserve(name, caller));
      caller.waiting = caller.waiting.filter(({ cost, resolve }) => {
        const decision = this.#decideHere(caller, cost);
        if (decision !== undefined) resolve(decision);
        return decision === undefined;
      });
    }
    caller.asking = false;
  }

  async #reserve(name: string, caller: Caller): Promise<void> {
    const asked_ms = this.#options.now();
    const window = openWindow(caller, asked_ms);
    const reserved = window?.reserved ?? 0;
    const costs = caller.waiting.reduce((sum, { cost }) => sum + cost, 0);
    const wanted =
      Math.max(0, costs - Math.max(0, reserved)) + Math.floor((window?.left ?? 0) * reserveAhead);
    const [granted, left, endsIn_ms] = await this.#call(name, wanted, Math.max(0, -reserved));
    // A late answer pays for requests that were allowed while it was awaited.
    const allowedMeanwhile = reserved - (openWindow(caller, this.#options.now())?.reserved ?? reserved);
    // Counted from before the call, so that this process never ends the window later than Redis does.
    const endsAt_ms = asked_ms + Math.max(1, endsIn_ms);
    // What is left of an earlier reservation counts only in its own window. The next one ends a whole window later.
    const isSameWindow = window !== undefined && endsAt_ms - window.endsAt_ms < this.window_ms / 2;
    const kept = isSameWindow ? Math.max(0, reserved) : 0;
    caller.window = { reserved: kept + granted - allowedMeanwhile, left, endsAt_ms };
  }

  /** @param debt requests that were allowed without asking Redis */
  #call(
    name: string,
    wanted: number,
    debt: number,
  ): Promise<[granted: number, left: number, endsIn_ms: number]> {
    const { redis, limit, window_ms } = this.#options;
    const keys = [`rate:${this.#options.name}:${name}`];
    return runScript(redis, reserveScript, keys, [wanted, limit, window_ms, debt, nearlyFull]);
  }
}

function openWindow({ window }: Caller, now_ms: number): Window | undefined {
  return window !== undefined && now_ms < window.endsAt_ms ? window : undefined;
}
