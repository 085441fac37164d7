import { callerGaveUp, CatalogError, type Entity } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import type { Freshness } from '../channel/freshness.ts';
import { type NearCache, NearEntry, type Ticket } from '../near-cache/near-cache.ts';
import type { CacheBreaker } from '../redis/cache-breaker.ts';
import {
  type Entry,
  type EntryStore,
  type Grant,
  type PrimaryRead,
  withoutLease,
} from '../redis/entry-store.ts';
import { limits, timings } from '../timings.ts';
import { Answer, type Source } from './answer.ts';
import type { BatchLoader } from './batch-loader.ts';
import { Flights, type Patience } from './flights.ts';
import { type AskedEntry, type FillEvents, LeaseLoadFill, type Place } from './lease-load-fill.ts';
import type { MonotonicReads } from './monotonic-reads.ts';
import type { TurnReads } from './turn-reads.ts';

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

/** What Redis answered: undecided is an entry that only `read_or_lease` can judge. */
type AskedRedis<Body> = MarkedAnswer<Body> | 'undecided' | 'failed';

/** What was read from Redis or Postgres, as the near cache keeps it. */
interface FoundText {
  readonly version: number;
  readonly text: string | null;
  readonly freshFor_ms: number;
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
 * Most reads beyond the near cache end with the entry in Redis, which all reads of one turn get with one call. The others
 * need a script, and perhaps a load: callers of one key at one time share one flight for that. Its answer may not be
 * enough for one of them, because of its `minVersion` or because the process has served something newer meanwhile. That
 * caller then reads Postgres itself.
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

  /** @throws CatalogError `unavailable`: neither a cache nor Postgres can answer, or not while the caller waits */
  get(key: string, options: ReadOptions = {}): Promise<Answer<Body>> {
    return this.getWith(this.#load, key, options);
  }

  /** As `getNear` for many keys, in their order; undefined unless the near cache answers all of them. */
  getManyNear(keys: readonly string[], minVersion = 0): Answer<Body>[] | undefined {
    const now_ms = this.#parts.now();
    const answers: Answer<Body>[] = [];
    for (const key of keys) {
      const entry = this.nearEntry(key, now_ms);
      if (entry === undefined || entry.version < minVersion) return undefined;
      answers.push(Answer.ofNear(entry, now_ms, 'near'));
    }
    return answers;
  }

  /**
   * Many keys at once, in their order. Those that no cache holds are loaded together.
   *
   * @throws as `get`
   */
  async getMany(keys: readonly string[], options: ReadOptions = {}): Promise<Answer<Body>[]> {
    return (
      this.getManyNear(keys, options.minVersion) ?? Promise.all(keys.map((key) => this.get(key, options)))
    );
  }

  /** As `get`, with a loader for this call alone. */
  async getWith(load: LoadKey, key: string, options: ReadOptions = {}): Promise<Answer<Body>> {
    const near = this.getNear(key, options.minVersion);
    if (near !== undefined) return near;
    const until_ms = options.waitsUntil?.() ?? Number.POSITIVE_INFINITY;
    const deadline = { until_ms, late: callerGaveUp };
    const patience = { until_ms };
    // A call to Redis ends within this time. So a caller that waits for longer needs no timer before its answer.
    if (until_ms - performance.now() <= timings.cacheCall_ms) {
      const read = async () => this.#getFar(load, key, options, patience, await this.#askRedis(key));
      return withDeadline(read, deadline);
    }
    const asked = await this.#askRedis(key);
    if (typeof asked === 'object' && asked.answer.version >= (options.minVersion ?? 0)) return asked.answer;
    if (until_ms === Number.POSITIVE_INFINITY) return this.#getFar(load, key, options, patience, asked);
    return withDeadline(() => this.#getFar(load, key, options, patience, asked), deadline);
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
    const answer = this.#answerOf(textOf(read), 0, stored ? 'stored' : 'bypass');
    this.#noteServed(place.cacheKey, answer);
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

  /** The entry in Redis, if it may be served as it is. It is read together with all others of this turn. */
  async #askRedis(key: string): Promise<AskedRedis<Body>> {
    const { near, monotonic, reads, events } = this.#parts;
    const mark = monotonic.mark();
    const place = this.#placeOf(key);
    const ticket = near.begin(place.cacheKey);
    try {
      const fresh = await reads.read(place);
      if (fresh === undefined || !this.#isCurrent(place.cacheKey, mark, fresh.version)) return 'undecided';
      return this.#keep(ticket, mark, fresh, fresh.age_ms, 'redis');
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
    const { near, freshness, monotonic, now } = this.#parts;
    const mark = monotonic.mark();
    const place = this.#placeOf(key);
    const ticket = near.begin(place.cacheKey);
    try {
      const entry = redisFailed ? undefined : await this.#fillPath.askAndWait(place, freshness, now);
      if (entry !== undefined && this.#isServable(place, entry)) {
        if (entry.lease === 'granted') this.#refreshAhead(load, key, entry);
        return this.#keep(ticket, mark, textOf(entry), entry.age_ms, 'redis');
      }
      return await this.#loadAndFill(place, ticket, mark, entry, () => load(key, patience));
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
    load: () => Promise<PrimaryRead>,
  ): Promise<MarkedAnswer<Body>> {
    try {
      const filled = await this.#fillPath.loadAndFill(place, entry?.grant, load);
      const { read, fresh_ms, stored, newer } = filled;
      if (newer !== undefined) return this.#keep(ticket, mark, textOf(newer), newer.age_ms, 'redis');
      return this.#keep(ticket, mark, textOf(read, fresh_ms), 0, stored ? 'stored' : 'bypass');
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
      const { read, fresh_ms, stored } = filled;
      return this.#keep(ticket, mark, textOf(read, fresh_ms), 0, stored ? 'stored' : 'bypass');
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
  #keep(ticket: Ticket, mark: number, found: FoundText, age_ms: number, source: Source): MarkedAnswer<Body> {
    const answer = this.#answerOf(found, age_ms, source);
    if (this.#isCurrent(ticket.key, mark, found.version)) {
      this.#noteServed(ticket.key, answer);
      this.#parts.near.offer(ticket, answer.entry);
    }
    return { answer, mark };
  }

  #answerOf(found: FoundText, age_ms: number, source: Source, stamp?: string): Answer<Body> {
    const { version, text, freshFor_ms } = found;
    const now_ms = this.#parts.now();
    return new Answer(
      new NearEntry(version, text, now_ms - age_ms, now_ms + freshFor_ms),
      source,
      age_ms,
      stamp,
    );
  }

  /** Whether an answer that was read since the mark may still be served. */
  #isCurrent(cacheKey: string, mark: number, version: number): boolean {
    const { monotonic } = this.#parts;
    return !monotonic.isForgottenSince(cacheKey, mark) && !monotonic.isOvertaken(cacheKey, version);
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
    if (found !== undefined && found.state !== 'absent') {
      const stamp = 'stamp' in found ? found.stamp : undefined;
      copies.push(this.#answerOf(textOf(found), found.age_ms, 'stale', stamp));
    }
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

function textOf(found: Entry): FoundText;
function textOf(read: PrimaryRead, fresh_ms?: number): FoundText;
function textOf(found: PrimaryRead & { state?: string; freshFor_ms?: number }, fresh_ms = 0): FoundText {
  const { version, payload, state, freshFor_ms = fresh_ms } = found;
  const text = payload === null || state === 'missing' ? null : payload.toString('latin1');
  return { version, text, freshFor_ms };
}

export function placeOf(entity: Entity, key: string): Place {
  const { name, payloadSchema, softTtl_ms = timings.softTtl_ms } = entity;
  return { name, cacheKey: entity.cacheKey(key), payloadSchema, softTtl_ms };
}

const changesTooFast = () =>
  new CatalogError('unavailable', 'the entity changes faster than it can be read', { retryAfterSeconds: 1 });
