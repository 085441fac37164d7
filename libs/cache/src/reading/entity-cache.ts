import { callerGaveUp, CatalogError, type Entity } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { hashOfKey } from '../near-cache/key-hash.ts';
import type { NearCache, Ticket } from '../near-cache/near-cache.ts';
import { NearReads } from '../near-cache/near-reads.ts';
import { type Grant, type PrimaryRead, withoutLease } from '../redis/entry-store.ts';
import type { ReadShard, Router } from '../shards/router.ts';
import { limits } from '../timings.ts';
import { Answer, type Source } from './answer.ts';
import { type AskedRedis, isEnough, type MarkedAnswer, outlastsRedis } from './asked-redis.ts';
import { answerOf, type FoundText, textOf } from './found-text.ts';
import type { BatchLoader } from './batch-loader.ts';
import { Flights, type Patience } from './flights.ts';
import { type AskedEntry, type FillEvents, LeaseLoadFill } from './lease-load-fill.ts';
import type { MonotonicReads } from './monotonic-reads.ts';
import { type Place, placeOf } from './place.ts';
import type { ReadOptions } from './read-options.ts';
import { StaleAnswers } from './stale-answers.ts';

/** Events inside the cache, for metrics. */
export interface CacheEvents extends FillEvents {
  /** This process had served something newer than the answer, so the key was read again. */
  overtaken(entity: string): void;
}

/** What all entities of a process share. */
export interface CacheParts {
  readonly shards: Router<ReadShard>;
  readonly near: NearCache;
  readonly monotonic: MonotonicReads;
  readonly now: () => number;
  readonly events: CacheEvents;
}

/** Taken before the caller reads Postgres itself. */
export interface PrimaryReadStart {
  readonly mark: number;
  /** The key is not known yet, so this has the grant of each shard. */
  readonly grants: ReadonlyMap<ReadShard, Grant | undefined>;
}

export type LoadKey = (key: string, patience: Readonly<Patience>) => Promise<PrimaryRead>;

/**
 * Reads of one entity: near cache, then Redis, then Postgres under a lease.
 *
 * Most reads beyond the near cache end with the entry in Redis, which all reads of one turn get with one call. The others
 * need a script, and perhaps a load: callers of one key at one time share one flight for that. Its answer may not be
 * enough for one of them, because of its `minVersion` or because the process has served something newer meanwhile. That
 * caller then reads Postgres itself.
 */
export class EntityCache<Body extends object = object> {
  readonly entity: Entity;
  readonly near: NearReads<Body>;
  readonly #parts: CacheParts;
  readonly #load: LoadKey;
  readonly #fillPath: LeaseLoadFill;
  readonly #staleAnswers: StaleAnswers<Body>;
  readonly #flights: Flights<MarkedAnswer<Body>>;

  /** @param standby reads a standby of Postgres */
  constructor(
    entity: Entity,
    loader: Pick<BatchLoader, 'load'>,
    parts: CacheParts,
    standby?: Pick<BatchLoader, 'load'>,
  ) {
    this.entity = entity;
    this.near = new NearReads(entity, parts);
    this.#load = (key, patience) => loader.load(key, patience);
    this.#parts = parts;
    this.#fillPath = new LeaseLoadFill(parts);
    this.#staleAnswers = new StaleAnswers(entity.name, parts, this.#fillPath, standby);
    this.#flights = new Flights(parts.now, parts.monotonic);
  }

  /**
   * @param asked what `askRedis` has just answered for the key
   * @throws CatalogError `unavailable`: neither a cache nor Postgres can answer, or not while the caller waits
   */
  get(key: string, options: ReadOptions = {}, asked?: AskedRedis<Body>): Promise<Answer<Body>> {
    return this.getWith(this.#load, key, options, asked);
  }

  /**
   * Many keys at once, in their order. Those that no cache holds are loaded together.
   *
   * @throws as `get`
   */
  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<Answer<Body>[]> {
    return (
      this.near.getMany(keys, options.minVersion) ?? Promise.all(keys.map((key) => this.get(key, options)))
    );
  }

  /** As `get`, with a loader for this call alone. */
  async getWith(
    load: LoadKey,
    key: string,
    options: ReadOptions = {},
    askedBefore?: AskedRedis<Body>,
  ): Promise<Answer<Body>> {
    if (askedBefore === undefined && options.skipsNear !== true) {
      const near = this.near.get(key, options.minVersion);
      if (near !== undefined) return near;
    }
    const until_ms = options.waitsUntil?.() ?? Number.POSITIVE_INFINITY;
    if (!outlastsRedis(until_ms)) {
      const read = async () =>
        this.#orFar(load, key, options, until_ms, askedBefore ?? (await this.askRedis(key)));
      return withDeadline(read, { until_ms, late: callerGaveUp });
    }
    const asked = askedBefore ?? (await this.askRedis(key));
    if (isEnough(asked, options)) return asked.answer;
    const far = () => this.#orFar(load, key, options, until_ms, asked);
    return until_ms === Number.POSITIVE_INFINITY
      ? far()
      : withDeadline(far, { until_ms, late: callerGaveUp });
  }

  /** The answer of Redis if it is enough, else that of the rest of the way, when its turn comes. */
  async #orFar(
    load: LoadKey,
    key: string,
    options: ReadOptions,
    until_ms: number,
    asked: AskedRedis<Body>,
  ): Promise<Answer<Body>> {
    if (isEnough(asked, options)) return asked.answer;
    const getFar = () => this.#getFar(load, key, options, { until_ms }, asked);
    return options.inTurn === undefined ? getFar() : options.inTurn(getFar, until_ms);
  }

  /** Call this before reading Postgres directly: the row then belongs to the incarnation of this moment. */
  startPrimaryRead(): PrimaryReadStart {
    const { monotonic, shards } = this.#parts;
    return { mark: monotonic.mark(), grants: new Map(shards.all.map((shard) => [shard, grantNow(shard)])) };
  }

  /**
   * Accepts a row that the caller has read from Postgres itself, as a read by SKU does.
   *
   * @returns undefined if this process has served something newer meanwhile: read again
   */
  async admitPrimaryRead(
    key: string,
    read: PrimaryRead,
    { mark, grants }: PrimaryReadStart,
  ): Promise<Answer<Body> | undefined> {
    const { monotonic, shards } = this.#parts;
    const place = placeOf(this.entity, key);
    const grant = grants.get(shards.of(place.cacheKey));
    const { stored } = await this.#fillPath.loadAndFill(place, grant, async () => read);
    if (monotonic.isForgottenSince(place.cacheKey, mark)) return undefined;
    if (monotonic.isOvertaken(place.cacheKey, read.version)) return undefined;
    const answer = answerOf<Body>(textOf(read), this.#parts.now(), 0, stored ? 'stored' : 'bypass');
    this.#noteServed(place.cacheKey, answer);
    this.#parts.near.keepStale(place.cacheKey, answer.entry);
    return answer;
  }

  async #getFar(
    load: LoadKey,
    key: string,
    { minVersion = 0, beforeBypass }: ReadOptions,
    patience: Patience,
    asked: AskedRedis<Body>,
  ): Promise<Answer<Body>> {
    const { monotonic, events } = this.#parts;
    const cacheKey = this.entity.cacheKey(key);
    let marked =
      typeof asked === 'object'
        ? asked
        : await this.#flights.join(cacheKey, patience.until_ms, (shared) =>
            this.#fly(load, key, shared, asked === 'failed'),
          );
    if (marked.answer.version < minVersion) {
      await beforeBypass?.();
      marked = await this.#readPrimary(load, key, patience, minVersion);
    }
    const isOutdated = ({ answer, mark }: MarkedAnswer<Body>) =>
      monotonic.isForgottenSince(cacheKey, mark) || monotonic.isOvertaken(cacheKey, answer.version);
    for (let attempt = 0; isOutdated(marked); attempt++) {
      events.overtaken(this.entity.name);
      // If a key is written and read all the time, each attempt may be overtaken.
      if (attempt > limits.overtakenReads) throw changesTooFast();
      marked =
        attempt < limits.overtakenReads
          ? await this.#readPrimary(load, key, patience, minVersion)
          : this.#lastServed(cacheKey);
    }
    this.#noteServed(cacheKey, marked.answer);
    return marked.answer;
  }

  /** The entry in Redis, if it may be served as it is. It is read together with all others of this turn. */
  async askRedis(key: string): Promise<AskedRedis<Body>> {
    const { near, monotonic, shards, events, now } = this.#parts;
    const mark = monotonic.mark();
    const place = placeOf(this.entity, key);
    const { reads, freshness } = shards.of(place.cacheKey);
    const hash = hashOfKey(place.cacheKey);
    const ticket = near.begin(place.cacheKey, freshness, hash);
    try {
      const fresh = await reads.read(place, hash);
      if (fresh === undefined || !this.#isCurrent(place.cacheKey, mark, fresh.version)) return 'undecided';
      const answer = answerOf<Body>(fresh, now(), fresh.age_ms, 'redis');
      this.#keepCurrent(ticket, answer);
      return { answer, mark };
    } catch (error) {
      events.cacheFailed(error);
      return 'failed';
    } finally {
      near.end(ticket);
    }
  }

  /** @param redisFailed just now, so it is not asked again */
  async #fly(
    load: LoadKey,
    key: string,
    patience: Readonly<Patience>,
    redisFailed: boolean,
  ): Promise<MarkedAnswer<Body>> {
    const { near, shards, monotonic, now } = this.#parts;
    const mark = monotonic.mark();
    const place = placeOf(this.entity, key);
    const { freshness } = shards.of(place.cacheKey);
    const ticket = near.begin(place.cacheKey, freshness);
    try {
      const entry = redisFailed ? undefined : await this.#fillPath.askAndWait(place, freshness, now);
      if (entry !== undefined && this.#isServable(place, entry)) {
        if (entry.lease === 'granted') this.#refreshAhead(load, key, entry);
        return this.#keep(ticket, mark, textOf(entry), entry.age_ms, 'redis');
      }
      return await this.#loadAndFill(place, ticket, mark, entry, key, patience, load);
    } finally {
      near.end(ticket);
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
    key: string,
    patience: Readonly<Patience>,
    load: LoadKey,
  ): Promise<MarkedAnswer<Body>> {
    try {
      const filled = await this.#fillPath.loadAndFill(place, entry?.grant, () => load(key, patience));
      const { read, fresh_ms, stored, newer } = filled;
      if (newer !== undefined) return this.#keep(ticket, mark, textOf(newer), newer.age_ms, 'redis');
      return this.#keep(ticket, mark, textOf(read, fresh_ms), 0, stored ? 'stored' : 'bypass');
    } catch (error) {
      this.#parts.events.loadFailed(this.entity.name, error);
      this.#fillPath.endLease(place, entry?.grant);
      const stale = await this.#staleAnswers.find(place, entry, key, patience);
      if (stale === undefined) throw error;
      return this.#keepStale(place, stale, mark);
    }
  }

  async #readPrimary(
    load: LoadKey,
    key: string,
    patience: Readonly<Patience>,
    minVersion: number,
  ): Promise<MarkedAnswer<Body>> {
    const { near, monotonic, shards, events } = this.#parts;
    const mark = monotonic.mark();
    const place = placeOf(this.entity, key);
    const shard = shards.of(place.cacheKey);
    const ticket = near.begin(place.cacheKey, shard.freshness);
    try {
      const filled = await this.#fillPath.loadAndFill(place, grantNow(shard), () => load(key, patience));
      const { read, fresh_ms, stored } = filled;
      return this.#keep(ticket, mark, textOf(read, fresh_ms), 0, stored ? 'stored' : 'bypass');
    } catch (error) {
      events.loadFailed(this.entity.name, error);
      const stale = await this.#staleAnswers.find(place, undefined, key, patience);
      if (stale === undefined || stale.version < minVersion) throw error;
      return this.#keepStale(place, stale, mark);
    } finally {
      near.end(ticket);
    }
  }

  /** @throws CatalogError `unavailable` if it has left the near cache */
  #lastServed(cacheKey: string): MarkedAnswer<Body> {
    const { near, monotonic, now } = this.#parts;
    const kept = near.getStale(cacheKey);
    if (kept === undefined) throw changesTooFast();
    return { answer: Answer.ofNear(kept, now(), 'stale'), mark: monotonic.mark() };
  }

  /** Readers get the old entry meanwhile. If the refresh fails, another reader tries only after the lease has run out. */
  #refreshAhead(load: LoadKey, key: string, { grant }: AskedEntry): void {
    const forever = { until_ms: Number.POSITIVE_INFINITY };
    this.#fillPath
      .loadAndFill(placeOf(this.entity, key), grant, () => load(key, forever))
      .catch((error: unknown) => this.#parts.events.loadFailed(this.entity.name, error));
  }

  /**
   * Redis may lose its copy, and nothing older may be served after this one. The race: Postgres may have gone back since the read
   * began, and then the copy must not come back after everything was forgotten.
   */
  #keepStale({ cacheKey }: Place, answer: Answer<Body>, mark: number): MarkedAnswer<Body> {
    const { near, monotonic } = this.#parts;
    if (answer.unprovedStamp === undefined && !monotonic.isForgottenSince(cacheKey, mark))
      near.keepStale(cacheKey, answer.entry);
    return { answer, mark };
  }

  #keep(ticket: Ticket, mark: number, found: FoundText, age_ms: number, source: Source): MarkedAnswer<Body> {
    const answer = answerOf<Body>(found, this.#parts.now(), age_ms, source);
    if (this.#isCurrent(ticket.key, mark, found.version)) this.#keepCurrent(ticket, answer);
    return { answer, mark };
  }

  /**
   * A kept answer counts as served: other callers may be served it before this caller continues.
   *
   * Most keys of a scan are read once, and must not displace keys that are read often. An answer that is not in Redis is always
   * kept: nothing older may be served after it.
   */
  #keepCurrent(ticket: Ticket, { entry, source }: Answer<Body>): void {
    const { monotonic, near } = this.#parts;
    const isReadAgain = monotonic.note(ticket.key, entry.version) !== undefined;
    near.offer(ticket, entry, isReadAgain || source === 'bypass');
  }

  /** Whether an answer that was read since the mark may still be served. */
  #isCurrent(cacheKey: string, mark: number, version: number): boolean {
    const { monotonic } = this.#parts;
    return !monotonic.isForgottenSince(cacheKey, mark) && !monotonic.isOvertaken(cacheKey, version);
  }

  /**
   * Notes the served version. The near cache then serves no lower one. The race: while the watermark lags, an
   * answer comes from Redis or Postgres; when the watermark recovers, the near cache would serve its older copy.
   */
  #noteServed(cacheKey: string, { version, unprovedStamp }: Answer<Body>): void {
    const { monotonic, near } = this.#parts;
    near.invalidate(cacheKey, version);
    if (unprovedStamp === undefined) monotonic.note(cacheKey, version);
    else this.#noteUnproved(cacheKey, version, unprovedStamp);
  }

  #noteUnproved(cacheKey: string, version: number, stamp: string): void {
    const { shards, monotonic } = this.#parts;
    const { incarnation } = shards.of(cacheKey).store;
    if (stamp === incarnation) monotonic.note(cacheKey, version);
    else if (incarnation === undefined) monotonic.noteUnproved(cacheKey, version, stamp);
  }
}

/** For a read of Postgres that did not ask Redis before: it fills without a lease, in the current incarnation. */
function grantNow({ store: { incarnation } }: ReadShard): Grant | undefined {
  return incarnation === undefined ? undefined : withoutLease(incarnation);
}

const changesTooFast = () =>
  new CatalogError('unavailable', 'the entity changes faster than it can be read', { retryAfterSeconds: 1 });
