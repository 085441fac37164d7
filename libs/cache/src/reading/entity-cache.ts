import { callerGaveUp, CatalogError, type Entity } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import type { Freshness } from '../channel/freshness.ts';
import type { NearCache, NearEntry, Ticket } from '../near-cache/near-cache.ts';
import type { CacheBreaker } from '../redis/cache-breaker.ts';
import { type EntryStore, type Grant, type PrimaryRead, withoutLease } from '../redis/entry-store.ts';
import { limits, timings } from '../timings.ts';
import { Answer } from './answer.ts';
import type { BatchLoader } from './batch-loader.ts';
import { Flights, type Patience } from './flights.ts';
import { type AskedEntry, type FillEvents, LeaseLoadFill, type Place } from './lease-load-fill.ts';
import type { MonotonicReads } from './monotonic-reads.ts';
import type { FreshEntry, TurnReads } from './turn-reads.ts';

/** Events inside the cache, for metrics. */
export interface CacheEvents extends FillEvents {
  /** This process had served something newer than the answer, so the key was read again. */
  overtaken(entity: string): void;
}

/** What all entities of a process share. */
export interface CacheParts {
  readonly store: EntryStore;
  readonly reads: TurnReads;
  readonly breaker: CacheBreaker;
  readonly freshness: Freshness;
  readonly near: NearCache;
  readonly monotonic: MonotonicReads;
  readonly now: () => number;
  readonly events: CacheEvents;
}

export interface ReadOptions {
  /** A cache that holds a lower version does not answer. If the answer is still lower, Postgres holds nothing newer. */
  readonly minVersion?: number;
  /** Called before `minVersion` makes the read bypass the caches. It may throw to refuse that. */
  readonly beforeBypass?: () => void | Promise<void>;
  /** How long the caller waits, by `performance.now()`. Called only if the near cache cannot answer. */
  readonly waitsUntil?: () => number;
}

/** A read that a call of `MonotonicReads.forget` may overtake. */
interface MarkedAnswer<Body> {
  readonly answer: Answer<Body>;
  /** Taken before the read began. */
  readonly mark: number;
}

/** Taken before the caller reads Postgres itself. */
export interface PrimaryReadStart {
  readonly mark: number;
  readonly grant: Grant | undefined;
}

export type LoadKey = (key: string, patience: Readonly<Patience>) => Promise<PrimaryRead>;

/**
 * Reads of one entity: near cache, then Redis, then Postgres under a lease.
 *
 * Callers of one key at one time share one flight. Its answer may not be enough for one of them, because of its
 * `minVersion` or because the process has served something newer meanwhile. That caller then reads Postgres itself.
 */
export class EntityCache<Body extends object = object> {
  readonly entity: Entity;
  readonly #parts: CacheParts;
  readonly #load: LoadKey;
  readonly #fillPath: LeaseLoadFill;
  readonly #flights: Flights<MarkedAnswer<Body>>;

  constructor(entity: Entity, loader: Pick<BatchLoader, 'load'>, parts: CacheParts) {
    this.entity = entity;
    this.#load = (key, patience) => loader.load(key, patience);
    this.#parts = parts;
    this.#fillPath = new LeaseLoadFill(parts);
    this.#flights = new Flights(parts.now, parts.monotonic);
  }

  /** The answer of the near cache, without a promise; undefined if it has none, or one below `minVersion`. */
  getNear(key: string, minVersion = 0): Answer<Body> | undefined {
    const now_ms = this.#parts.now();
    const entry = this.nearEntry(key, now_ms);
    if (entry === undefined || entry.version < minVersion) return undefined;
    return Answer.ofNear(entry, now_ms, 'near');
  }

  /** As `getNear`, but the entry itself. For callers that answer thousands of requests a second. */
  nearEntry(key: string, now_ms: number): NearEntry | undefined {
    const { near, freshness } = this.#parts;
    const { name } = this.entity;
    const cacheKey = this.entity.cacheKey(key);
    const entry = near.get(cacheKey, now_ms);
    // The near copy may come from a Redis that refused to invalidate the key.
    return entry === undefined || freshness.isSetAside({ name, cacheKey }) ? undefined : entry;
  }

  /**
   * The entry in Redis if it may be served as it is, read together with all others of this turn. Otherwise undefined, and
   * `get` decides. For callers that answer thousands of requests a second.
   *
   * @throws as `TurnReads.read`
   */
  async redisEntry(key: string): Promise<NearEntry | undefined> {
    const { near, monotonic, reads } = this.#parts;
    const mark = monotonic.mark();
    const place = this.#placeOf(key);
    const ticket = near.begin(place.cacheKey);
    try {
      const entry = await reads.read(place);
      if (entry === undefined || !this.#isCurrent(place.cacheKey, mark, entry.version)) return undefined;
      return this.#keepEntry(ticket, entry);
    } finally {
      near.end(ticket);
    }
  }

  /** @throws CatalogError `unavailable`: neither a cache nor Postgres can answer, or not while the caller waits */
  get(key: string, options: ReadOptions = {}): Promise<Answer<Body>> {
    return this.getWith(this.#load, key, options);
  }

  /**
   * Many keys at once. Those that no cache holds are loaded together.
   *
   * @throws as `get`
   */
  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<Map<string, Answer<Body>>> {
    const answers = await Promise.all(keys.map(async (key) => [key, await this.get(key, options)] as const));
    return new Map(answers);
  }

  /** As `get`, with a loader for this call alone. */
  async getWith(load: LoadKey, key: string, options: ReadOptions = {}): Promise<Answer<Body>> {
    const near = this.getNear(key, options.minVersion);
    if (near !== undefined) return near;
    const until_ms = options.waitsUntil?.() ?? Number.POSITIVE_INFINITY;
    const patience = { until_ms };
    return withDeadline(() => this.#getFar(load, key, options, patience), { until_ms, late: callerGaveUp });
  }

  /** Call this before reading Postgres directly: the row then belongs to the incarnation of this moment. */
  startPrimaryRead(): PrimaryReadStart {
    return { mark: this.#parts.monotonic.mark(), grant: this.#grantNow() };
  }

  /**
   * Accepts a row that the caller has read from Postgres itself, as a read by SKU does.
   *
   * @returns undefined if this process has served something newer meanwhile: read again
   */
  async admitPrimaryRead(
    key: string,
    read: PrimaryRead,
    { mark, grant }: PrimaryReadStart,
  ): Promise<Answer<Body> | undefined> {
    const { monotonic } = this.#parts;
    const place = this.#placeOf(key);
    const { stored } = await this.#fillPath.loadAndFill(place, grant, async () => read);
    if (monotonic.isForgottenSince(place.cacheKey, mark)) return undefined;
    if (monotonic.isOvertaken(place.cacheKey, read.version)) return undefined;
    const answer = new Answer<Body>(read.version, read.payload, 0, stored ? 'stored' : 'bypass');
    this.#noteServed(place.cacheKey, answer);
    return answer;
  }

  async #getFar(
    load: LoadKey,
    key: string,
    { minVersion = 0, beforeBypass }: ReadOptions,
    patience: Patience,
  ): Promise<Answer<Body>> {
    const { monotonic, events } = this.#parts;
    const cacheKey = this.entity.cacheKey(key);
    let marked = await this.#flights.join(cacheKey, patience.until_ms, (shared) =>
      this.#fly(load, key, shared),
    );
    if (marked.answer.version < minVersion) {
      await beforeBypass?.();
      marked = await this.#readPrimary(load, key, patience);
    }
    const isOutdated = ({ answer, mark }: MarkedAnswer<Body>) =>
      monotonic.isForgottenSince(cacheKey, mark) || monotonic.isOvertaken(cacheKey, answer.version);
    for (let attempt = 0; isOutdated(marked); attempt++) {
      // If a key is written and read all the time, each attempt may be overtaken.
      if (attempt === limits.overtakenReads) throw changesTooFast();
      events.overtaken(this.entity.name);
      marked = await this.#readPrimary(load, key, patience);
    }
    this.#noteServed(cacheKey, marked.answer);
    return marked.answer;
  }

  async #fly(load: LoadKey, key: string, patience: Readonly<Patience>): Promise<MarkedAnswer<Body>> {
    const { near, freshness, monotonic, now } = this.#parts;
    const mark = monotonic.mark();
    const place = this.#placeOf(key);
    const ticket = near.begin(place.cacheKey);
    try {
      const fresh = await this.#readShared(place);
      if (fresh !== undefined && fresh !== 'failed' && this.#isCurrent(ticket.key, mark, fresh.version)) {
        return { answer: Answer.ofNear<Body>(this.#keepEntry(ticket, fresh), now(), 'redis'), mark };
      }
      const entry = fresh === 'failed' ? undefined : await this.#fillPath.askAndWait(place, freshness, now);
      if (entry !== undefined && this.#isServable(place, entry)) {
        if (entry.lease === 'granted') this.#refreshAhead(load, key, entry);
        return this.#keep(ticket, mark, Answer.of<Body>(entry, 'redis'), entry.freshFor_ms);
      }
      return await this.#loadAndFill(place, ticket, mark, entry, () => load(key, patience));
    } finally {
      near.end(ticket);
    }
  }

  async #readShared(place: Place): Promise<FreshEntry | 'failed' | undefined> {
    try {
      return await this.#parts.reads.read(place);
    } catch (error) {
      this.#parts.events.cacheFailed(error);
      return 'failed';
    }
  }

  #isServable({ cacheKey }: Place, entry: AskedEntry): boolean {
    return (
      (entry.state === 'value' || entry.state === 'missing') &&
      entry.freshFor_ms > 0 &&
      entry.isFresh() &&
      !this.#parts.monotonic.isOvertaken(cacheKey, entry.version)
    );
  }

  async #loadAndFill(
    place: Place,
    ticket: Ticket,
    mark: number,
    entry: AskedEntry | undefined,
    load: () => Promise<PrimaryRead>,
  ): Promise<MarkedAnswer<Body>> {
    try {
      const filled = await this.#fillPath.loadAndFill(place, entry?.grant, load);
      const { read, fresh_ms, stored, newer } = filled;
      if (newer !== undefined)
        return this.#keep(ticket, mark, Answer.of<Body>(newer, 'redis'), newer.freshFor_ms);
      const source = stored ? 'stored' : 'bypass';
      return this.#keep(ticket, mark, new Answer<Body>(read.version, read.payload, 0, source), fresh_ms);
    } catch (error) {
      this.#parts.events.loadFailed(this.entity.name, error);
      const stale = await this.#staleAnswer(place, entry);
      if (stale === undefined) throw error;
      return { answer: stale, mark };
    }
  }

  async #readPrimary(load: LoadKey, key: string, patience: Readonly<Patience>): Promise<MarkedAnswer<Body>> {
    const { near, monotonic } = this.#parts;
    const mark = monotonic.mark();
    const place = this.#placeOf(key);
    const ticket = near.begin(place.cacheKey);
    try {
      const filled = await this.#fillPath.loadAndFill(place, this.#grantNow(), () => load(key, patience));
      const { version, payload } = filled.read;
      const answer = new Answer<Body>(version, payload, 0, filled.stored ? 'stored' : 'bypass');
      return this.#keep(ticket, mark, answer, filled.fresh_ms);
    } finally {
      near.end(ticket);
    }
  }

  /** The entry is served meanwhile. If the refresh fails, the lease expires and the next reader tries. */
  #refreshAhead(load: LoadKey, key: string, { grant }: AskedEntry): void {
    const forever = { until_ms: Number.POSITIVE_INFINITY };
    this.#fillPath
      .loadAndFill(this.#placeOf(key), grant, () => load(key, forever))
      .catch((error: unknown) => this.#parts.events.loadFailed(this.entity.name, error));
  }

  /** A kept answer counts as served: other callers may be served it before this caller continues. */
  #keep(ticket: Ticket, mark: number, answer: Answer<Body>, freshFor_ms: number): MarkedAnswer<Body> {
    const { near, now } = this.#parts;
    const { version, payload, age_ms } = answer;
    const marked = { answer, mark };
    if (!this.#isCurrent(ticket.key, mark, version)) return marked;
    this.#noteServed(ticket.key, answer);
    const now_ms = now();
    near.offer(ticket, {
      version,
      text: payload === null ? null : payload.toString('latin1'),
      storedAt_ms: now_ms - age_ms,
      freshUntil_ms: now_ms + freshFor_ms,
    });
    return marked;
  }

  /** Whether an answer that was read since the mark may still be served. */
  #isCurrent(cacheKey: string, mark: number, version: number): boolean {
    const { monotonic } = this.#parts;
    return !monotonic.isForgottenSince(cacheKey, mark) && !monotonic.isOvertaken(cacheKey, version);
  }

  #keepEntry(ticket: Ticket, { version, text, age_ms, freshFor_ms }: FreshEntry): NearEntry {
    const { near, monotonic, now } = this.#parts;
    monotonic.note(ticket.key, version);
    near.invalidate(ticket.key, version);
    const now_ms = now();
    const storedAt_ms = now_ms - age_ms;
    const entry = { version, text, storedAt_ms, freshUntil_ms: now_ms + freshFor_ms, attachment: undefined };
    near.offer(ticket, entry);
    return entry;
  }

  /**
   * Notes the served version, and drops a lower one from the near cache. The race: while the watermark lags, an
   * answer comes from Redis or Postgres; when the watermark recovers, the near cache would serve its older copy.
   */
  #noteServed(cacheKey: string, { version, unprovedStamp }: Answer<Body>): void {
    const { store, monotonic, near } = this.#parts;
    if (unprovedStamp === undefined || unprovedStamp === store.incarnation) monotonic.note(cacheKey, version);
    else if (store.incarnation === undefined) monotonic.noteUnproved(cacheKey, version, unprovedStamp);
    near.invalidate(cacheKey, version);
  }

  /** The newest copy that any cache still holds, unless this process has served something newer. */
  async #staleAnswer(place: Place, entry: AskedEntry | undefined): Promise<Answer<Body> | undefined> {
    const { near, monotonic, now } = this.#parts;
    const { cacheKey } = place;
    const copies: Answer<Body>[] = [];
    const found = entry ?? (await this.#fillPath.readUnproved(place));
    if (found !== undefined && found.state !== 'absent') copies.push(Answer.of(found, 'stale'));
    const kept = near.getStale(cacheKey);
    if (kept !== undefined) copies.push(Answer.ofNear(kept, now(), 'stale'));
    return copies
      .filter(({ version }) => monotonic.permits(cacheKey, version))
      .toSorted((a, b) => b.version - a.version)[0];
  }

  /** For a read of Postgres that did not ask Redis before: it fills without a lease, in the current incarnation. */
  #grantNow() {
    const { incarnation } = this.#parts.store;
    return incarnation === undefined ? undefined : withoutLease(incarnation);
  }

  #placeOf(key: string): Place {
    return placeOf(this.entity, key);
  }
}

export function placeOf(entity: Entity, key: string): Place {
  const { name, payloadSchema, softTtl_ms = timings.softTtl_ms } = entity;
  return { name, cacheKey: entity.cacheKey(key), payloadSchema, softTtl_ms };
}

const changesTooFast = () =>
  new CatalogError('unavailable', 'the entity changes faster than it can be read', { retryAfterSeconds: 1 });
