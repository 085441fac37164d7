import { createHash, randomUUID } from 'node:crypto';
import { callerGaveUp } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { timings } from '../timings.ts';
import type { Patience } from '../reading/batch-loader.ts';
import type { CacheConnection } from '../redis/cache-connection.ts';
import type { Freshness } from '../channel/freshness.ts';

const generationKey = (name: string) => `generation:${name}`;

/**
 * Ends every cached page of a list at once, by giving the list a new generation. At most ten times a second:
 * callers within one interval share the bump at its end, and each returns only when one that
 * began after its call is done, so that nobody acknowledges a change whose pages still stand.
 */
export class GenerationBumper {
  readonly #connection: CacheConnection;
  readonly #next = new Map<string, Promise<void>>();
  readonly #lastBump_ms = new Map<string, number>();
  readonly #now: () => number;

  constructor(connection: CacheConnection, now: () => number) {
    this.#connection = connection;
    this.#now = now;
  }

  bump(name: string): Promise<void> {
    const scheduled = this.#next.get(name);
    if (scheduled !== undefined) return scheduled;
    const next = this.#bumpInTime(name);
    this.#next.set(name, next);
    return next;
  }

  async #bumpInTime(name: string): Promise<void> {
    const since_ms = this.#now() - (this.#lastBump_ms.get(name) ?? Number.NEGATIVE_INFINITY);
    const wait_ms = timings.generationBump_ms - since_ms;
    // Waits in any case: `bump` must have noted this one before it is struck out.
    await (wait_ms > 0 ? new Promise((resolve) => setTimeout(resolve, wait_ms)) : undefined);
    // From here on a caller may come too late for this bump.
    this.#next.delete(name);
    this.#lastBump_ms.set(name, this.#now());
    const incarnation = this.#connection.requireIncarnation();
    await this.#connection.redis.set(generationKey(name), newGeneration(incarnation));
  }
}

export interface ListPage {
  readonly payload: Buffer;
  readonly source: 'redis' | 'stored' | 'bypass' | 'stale';
  readonly age_ms: number;
}

interface Flight {
  readonly began_ms: number;
  readonly patience: Patience;
  readonly page: Promise<ListPage>;
}

/**
 * Pages of lists. A page is stored with the generation that held before Postgres was read, and counts only
 * while that is still the generation. Generations are random, never a count that could restart, and name the
 * incarnation: one that came back with a failover fits no page.
 */
export class ListCache {
  readonly #connection: CacheConnection;
  readonly #freshness: Freshness;
  readonly #onError: (error: unknown) => void;
  readonly #flights = new Map<string, Flight>();

  constructor(connection: CacheConnection, freshness: Freshness, onError: (error: unknown) => void) {
    this.#connection = connection;
    this.#freshness = freshness;
    this.#onError = onError;
  }

  /**
   * Callers of one page at one time share one read of it, which began no longer ago than the bound.
   *
   * @param name of the list, whose generation the worker bumps
   * @param query what tells this page from the others, in a stable order
   * @param load is given how long the most patient of them waits
   * @param until_ms how long this caller waits, by `performance.now()`
   */
  get(
    name: string,
    query: readonly unknown[],
    load: (patience: Readonly<Patience>) => Promise<Buffer>,
    until_ms = Number.POSITIVE_INFINITY,
  ): Promise<ListPage> {
    return withDeadline(() => this.#joinFlight(name, query, load, until_ms), {
      until_ms,
      late: callerGaveUp,
    });
  }

  #joinFlight(
    name: string,
    query: readonly unknown[],
    load: (patience: Readonly<Patience>) => Promise<Buffer>,
    until_ms: number,
  ): Promise<ListPage> {
    const key = `list:${name}:${createHash('sha256').update(JSON.stringify(query)).digest('base64url')}`;
    const began_ms = performance.now();
    const underway = this.#flights.get(key);
    if (underway !== undefined && began_ms - underway.began_ms <= timings.flightJoin_ms) {
      underway.patience.until_ms = Math.max(underway.patience.until_ms, until_ms);
      return underway.page;
    }
    const patience = { until_ms };
    const page = this.#get(name, key, () => load(patience)).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight = { began_ms, patience, page };
    this.#flights.set(key, flight);
    return page;
  }

  async #get(name: string, key: string, load: () => Promise<Buffer>): Promise<ListPage> {
    const cached = await this.#read(name, key);
    if (cached?.page !== undefined && cached.isFresh()) {
      return { ...cached.page, source: 'redis' };
    }
    let payload: Buffer;
    try {
      payload = await load();
    } catch (error) {
      if (cached?.page === undefined) throw error;
      return { ...cached.page, source: 'stale' };
    }
    const stored = cached !== undefined && (await this.#store(key, cached.generation, payload));
    return { payload, source: stored ? 'stored' : 'bypass', age_ms: 0 };
  }

  async #read(name: string, key: string) {
    try {
      const incarnation = this.#connection.requireIncarnation();
      const { redis } = this.#connection;
      const isFresh = this.#freshness.beforeAsking(incarnation);
      // In this order: a generation that ends in between then meets a page that is newer than itself.
      const [generation, page] = await Promise.all([
        this.#generation(name, incarnation),
        redis.getBuffer(key),
      ]);
      return { isFresh, generation, page: decodePage(page, generation) };
    } catch (error) {
      this.#onError(error);
      return undefined;
    }
  }

  async #generation(name: string, incarnation: string): Promise<string> {
    const { redis } = this.#connection;
    const key = generationKey(name);
    const current = await redis.get(key);
    if (current?.startsWith(`${incarnation}-`) === true) return current;
    const offered = newGeneration(incarnation);
    if (current === null) {
      // Another reader may be doing the same: whoever is first decides.
      const other = await redis.set(key, offered, 'NX', 'GET');
      return other?.startsWith(`${incarnation}-`) === true ? other : offered;
    }
    await redis.set(key, offered);
    return offered;
  }

  async #store(key: string, generation: string, payload: Buffer): Promise<boolean> {
    try {
      const head = Buffer.from(`${generation} ${Date.now()}\n`);
      await this.#connection.redis.set(key, Buffer.concat([head, payload]), 'PX', timings.listTtl_ms);
      return true;
    } catch (error) {
      this.#onError(error);
      return false;
    }
  }
}

const newGeneration = (incarnation: string) => `${incarnation}-${randomUUID()}`;

function decodePage(raw: Buffer | null, generation: string): { payload: Buffer; age_ms: number } | undefined {
  if (raw === null) return undefined;
  const end = raw.indexOf(10);
  const [stamp, stored_ms] = raw.toString('latin1', 0, end).split(' ');
  if (stamp !== generation) return undefined;
  return { payload: raw.subarray(end + 1), age_ms: Math.max(0, Date.now() - Number(stored_ms)) };
}
