import { randomBytes } from 'node:crypto';
import { callerGaveUp, CatalogError, type Entity } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { limits, timings } from '../timings.ts';
import type { BatchLoader, Patience } from './batch-loader.ts';
import type { CacheBreaker } from '../redis/cache-breaker.ts';
import type { EntryStore, LeasedEntry, Loaded } from '../redis/entry-store.ts';
import type { Freshness } from '../channel/freshness.ts';
import type { MonotonicReads } from './monotonic-reads.ts';
import type { NearCache, Ticket } from '../near-cache/near-cache.ts';

/**
 * near, redis: from a cache, within the bound · stored: from Postgres, and now in Redis · bypass: from Postgres,
 * not in Redis · stale: from a cache, and possibly older than the bound
 */
export type Source = 'near' | 'redis' | 'stored' | 'bypass' | 'stale';

export interface Answer {
  readonly version: number;
  /** null: there is no such row. */
  readonly payload: Buffer | null;
  readonly age_ms: number;
  readonly source: Source;
}

/** What happens inside, for metrics. */
export interface CacheEvents {
  /** A fill that came too late, or without a lease. */
  fillRefused(entity: string): void;
  /** An answer had been overtaken by a newer one of this process, and was read again. */
  overtaken(entity: string): void;
  cacheFailed(error: unknown): void;
  loadFailed(entity: string, error: unknown): void;
}

/** What all entities of a process share. */
export interface CacheParts {
  readonly store: EntryStore;
  readonly breaker: CacheBreaker;
  readonly freshness: Freshness;
  readonly near: NearCache;
  readonly monotonic: MonotonicReads;
  readonly now: () => number;
  readonly events: CacheEvents;
}

export interface ReadOptions {
  /** Pass by every cache that is below this. The answer may still be below it: then it is what Postgres holds. */
  readonly minVersion?: number;
  /** Called before the caches are passed by on account of `minVersion`; it may throw to refuse that. */
  readonly beforeBypass?: () => void | Promise<void>;
  /** Until when the caller waits, by `performance.now()`. Called only if the near cache cannot answer. */
  readonly waitsUntil?: () => number;
}

interface ReadEntry extends LeasedEntry {
  /** Whether it is within the bound. */
  isFresh(): boolean;
}

interface Flight {
  readonly began_ms: number;
  readonly patience: Patience;
  readonly answer: Promise<Answer>;
}

/**
 * Reads of one entity: near cache, then Redis, then Postgres under a lease. See design.md, part 5.
 *
 * Callers of one key at one time share one flight. It is not shared blindly: a caller that needs more than the
 * flight brought, because of its `minVersion` or because the process has meanwhile served something newer,
 * reads Postgres itself.
 */
export class EntityCache {
  readonly entity: Entity;
  readonly #parts: CacheParts;
  readonly #loader: Pick<BatchLoader, 'load'>;
  readonly #flights = new Map<string, Flight>();

  constructor(entity: Entity, loader: Pick<BatchLoader, 'load'>, parts: CacheParts) {
    this.entity = entity;
    this.#loader = loader;
    this.#parts = parts;
  }

  /** What the near cache can answer at once; undefined if it takes more. */
  getNear(key: string, minVersion = 0): Answer | undefined {
    const { near, now } = this.#parts;
    const entry = near.get(this.entity.cacheKey(key));
    if (entry === undefined || entry.version < minVersion) return undefined;
    return {
      version: entry.version,
      payload: entry.payload,
      age_ms: now() - entry.storedAt_ms,
      source: 'near',
    };
  }

  /** @throws CatalogError `unavailable`: neither Postgres nor a cache can answer, or not while the caller waits */
  async get(key: string, options: ReadOptions = {}): Promise<Answer> {
    const near = this.getNear(key, options.minVersion);
    if (near !== undefined) return near;
    const until_ms = options.waitsUntil?.() ?? Number.POSITIVE_INFINITY;
    return withDeadline(() => this.#getFar(key, options, { until_ms }), { until_ms, late: callerGaveUp });
  }

  async #getFar(
    key: string,
    { minVersion = 0, beforeBypass }: ReadOptions,
    patience: Patience,
  ): Promise<Answer> {
    const { monotonic, events } = this.#parts;
    const cacheKey = this.entity.cacheKey(key);

    let answer = await this.#joinFlight(key, patience);
    if (answer.version < minVersion) {
      await beforeBypass?.();
      answer = await this.#readPrimary(key, patience);
    }
    for (let attempt = 0; monotonic.isOvertaken(cacheKey, answer.version); attempt++) {
      // Reading again is no guarantee either: the key may be written, and read by others, as fast.
      if (attempt === limits.overtakenReads) throw changesTooFast();
      events.overtaken(this.entity.name);
      answer = await this.#readPrimary(key, patience);
    }
    monotonic.note(cacheKey, answer.version);
    return answer;
  }

  /**
   * Takes in what the caller has read from the primary in another way, as by SKU.
   *
   * @returns undefined if this process has meanwhile served something newer: read again
   */
  async admitPrimaryRead(key: string, loaded: Loaded): Promise<Answer | undefined> {
    const { store, monotonic, near } = this.#parts;
    const cacheKey = this.entity.cacheKey(key);
    const { stored } = await this.#fill(
      cacheKey,
      '',
      store.incarnation,
      loaded,
      freshLife_ms(loaded, this.entity),
    );
    if (monotonic.isOvertaken(cacheKey, loaded.version)) return undefined;
    monotonic.note(cacheKey, loaded.version);
    near.invalidate(cacheKey, loaded.version);
    return { ...loaded, age_ms: 0, source: stored ? 'stored' : 'bypass' };
  }

  #joinFlight(key: string, { until_ms }: Patience): Promise<Answer> {
    const began_ms = this.#parts.now();
    const underway = this.#flights.get(key);
    // What an older one brings may be older than the bound: this process may have been paused since.
    if (underway !== undefined && began_ms - underway.began_ms <= timings.flightJoin_ms) {
      underway.patience.until_ms = Math.max(underway.patience.until_ms, until_ms);
      return underway.answer;
    }
    const patience = { until_ms };
    const answer = this.#fly(key, patience).finally(() => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key);
    });
    const flight: Flight = { began_ms, patience, answer };
    this.#flights.set(key, flight);
    return answer;
  }

  async #fly(key: string, patience: Patience): Promise<Answer> {
    const { near } = this.#parts;
    const cacheKey = this.entity.cacheKey(key);
    const ticket = near.begin(cacheKey);
    try {
      const token = randomBytes(9).toString('hex');
      const entry = await this.#readRedis(cacheKey, token);
      if (entry !== undefined && this.#isServable(cacheKey, entry)) {
        if (entry.lease === 'granted') this.#refreshAhead(key, token, entry.incarnation);
        return this.#keep(ticket, answerOf(entry, 'redis'), entry.freshFor_ms);
      }
      return await this.#loadAndFill(key, ticket, entry, entry?.lease === 'granted' ? token : '', patience);
    } finally {
      near.end(ticket);
    }
  }

  /** The entry, after waiting a little for another reader that is about to fill it; undefined if Redis fails. */
  async #readRedis(cacheKey: string, token: string): Promise<ReadEntry | undefined> {
    const { store, breaker, freshness, now, events } = this.#parts;
    const began_ms = now();
    try {
      for (let wait_ms = 2; ; wait_ms *= 2) {
        const asked = store.incarnation;
        const isFresh = freshness.beforeAsking(asked);
        const entry = await breaker.execute(() =>
          store.readOrLease(cacheKey, this.entity.payloadSchema, token),
        );
        const waitIsOver = now() - began_ms + wait_ms > timings.leaseWait_ms;
        if (entry.lease !== 'busy' || waitIsOver || !freshness.isFresh(entry.incarnation)) {
          return { ...entry, isFresh: () => entry.incarnation === asked && isFresh() };
        }
        await new Promise((resolve) => setTimeout(resolve, wait_ms));
      }
    } catch (error) {
      events.cacheFailed(error);
      return undefined;
    }
  }

  #isServable(cacheKey: string, entry: ReadEntry): boolean {
    const { monotonic } = this.#parts;
    return (
      (entry.state === 'value' || entry.state === 'missing') &&
      entry.freshFor_ms > 0 &&
      entry.isFresh() &&
      !monotonic.isOvertaken(cacheKey, entry.version)
    );
  }

  async #loadAndFill(
    key: string,
    ticket: Ticket,
    entry: LeasedEntry | undefined,
    token: string,
    patience: Patience,
  ): Promise<Answer> {
    let loaded: Loaded;
    try {
      loaded = await this.#loader.load(key, patience);
    } catch (error) {
      this.#parts.events.loadFailed(this.entity.name, error);
      const stale = this.#staleAnswer(ticket.key, entry);
      if (stale === undefined) throw error;
      return stale;
    }
    const fresh_ms = freshLife_ms(loaded, this.entity);
    const { stored, newer } = await this.#fill(ticket.key, token, entry?.incarnation, loaded, fresh_ms);
    if (newer !== undefined) return this.#keep(ticket, answerOf(newer, 'redis'), newer.freshFor_ms);
    const answer: Answer = { ...loaded, age_ms: 0, source: stored ? 'stored' : 'bypass' };
    return this.#keep(ticket, answer, fresh_ms);
  }

  /** Before anyone sees what was loaded: stores it, or raises the floor of whoever holds the lease. */
  async #fill(
    cacheKey: string,
    token: string,
    incarnation: string | undefined,
    loaded: Loaded,
    fresh_ms: number,
  ) {
    const { store, breaker, events } = this.#parts;
    if (incarnation === undefined) return { stored: false, newer: undefined };
    try {
      const schema = this.entity.payloadSchema;
      const filled = await breaker.execute(() =>
        store.fill(cacheKey, schema, token, incarnation, loaded, fresh_ms),
      );
      if (!filled.stored) events.fillRefused(this.entity.name);
      return filled;
    } catch (error) {
      events.cacheFailed(error);
      return { stored: false, newer: undefined };
    }
  }

  async #readPrimary(key: string, patience?: Patience): Promise<Answer> {
    const { near, store } = this.#parts;
    const ticket = near.begin(this.entity.cacheKey(key));
    try {
      const incarnation = store.incarnation;
      const loaded = await this.#loader.load(key, patience);
      const fresh_ms = freshLife_ms(loaded, this.entity);
      const { stored } = await this.#fill(ticket.key, '', incarnation, loaded, fresh_ms);
      return this.#keep(ticket, { ...loaded, age_ms: 0, source: stored ? 'stored' : 'bypass' }, fresh_ms);
    } finally {
      near.end(ticket);
    }
  }

  /** The entry is served meanwhile; if this fails, the lease runs out and the next reader tries. */
  #refreshAhead(key: string, token: string, incarnation: string): void {
    const refresh = async () => {
      const loaded = await this.#loader.load(key);
      await this.#fill(
        this.entity.cacheKey(key),
        token,
        incarnation,
        loaded,
        freshLife_ms(loaded, this.entity),
      );
    };
    refresh().catch((error: unknown) => this.#parts.events.loadFailed(this.entity.name, error));
  }

  /** What is kept counts as served: others may be served it before this caller gets on. */
  #keep(ticket: Ticket, answer: Answer, freshFor_ms: number): Answer {
    const { near, monotonic } = this.#parts;
    if (monotonic.isOvertaken(ticket.key, answer.version)) return answer;
    monotonic.note(ticket.key, answer.version);
    const now = this.#parts.now();
    near.offer(ticket, {
      version: answer.version,
      payload: answer.payload,
      storedAt_ms: now - answer.age_ms,
      freshUntil_ms: now + freshFor_ms,
    });
    return answer;
  }

  /** The newest copy that any cache still has, if this process has never served something newer. */
  #staleAnswer(cacheKey: string, entry: LeasedEntry | undefined): Answer | undefined {
    const { near, monotonic, now } = this.#parts;
    const candidates: Answer[] = [];
    if (entry !== undefined && entry.state !== 'absent') candidates.push(answerOf(entry, 'stale'));
    const kept = near.getStale(cacheKey);
    if (kept !== undefined) {
      candidates.push({ ...kept, age_ms: now() - kept.storedAt_ms, source: 'stale' });
    }
    return candidates
      .filter(({ version }) => monotonic.permits(cacheKey, version))
      .toSorted((a, b) => b.version - a.version)[0];
  }
}

function answerOf(
  entry: { state: string; version: number; payload: Buffer; age_ms: number },
  source: Source,
): Answer {
  const { version, payload, age_ms } = entry;
  return { version, payload: entry.state === 'missing' ? null : payload, age_ms, source };
}

const changesTooFast = () =>
  new CatalogError('unavailable', 'the entity changes faster than it can be read', { retryAfterSeconds: 1 });

/** The soft TTL, shortened at random so that keys loaded together do not expire together. */
export function freshLife_ms({ payload }: Loaded, { softTtl_ms = timings.softTtl_ms }: Entity): number {
  const ttl_ms = payload === null ? Math.min(timings.missingTtl_ms, softTtl_ms) : softTtl_ms;
  return ttl_ms * (1 - Math.random() * timings.softTtlJitter);
}
