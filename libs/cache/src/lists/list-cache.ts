import { createHash } from 'node:crypto';
import { callerGaveUp } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { LRUCache } from 'lru-cache';
import type { Source } from '../reading/answer.ts';
import { Flights, type Patience } from '../reading/flights.ts';
import type { MonotonicReads } from '../reading/monotonic-reads.ts';
import { outlastsRedis } from '../reading/asked-redis.ts';
import { type AskedEntry, type FillEvents, LeaseLoadFill } from '../reading/lease-load-fill.ts';
import type { Place } from '../reading/place.ts';
import { type Grant, pageKey } from '../redis/entry-store.ts';
import type { ReadShard, Router } from '../shards/router.ts';
import { limits, timings } from '../timings.ts';

export interface ListPage {
  readonly payload: Buffer;
  /** Names these bytes among all pages of all lists. Only for a page that Redis holds. */
  readonly id?: string;
  readonly source: Source;
  readonly age_ms: number;
}

type LoadPage = (patience: Readonly<Patience>) => Promise<Buffer>;

interface ListCacheParts {
  readonly monotonic: MonotonicReads;
  readonly shards: Router<ReadShard>;
  readonly now: () => number;
  readonly events: FillEvents;
}

/**
 * Pages of one list. A page is an entry that counts only in one generation of the list: the one that its reader got from
 * Redis before it read Postgres. The worker begins a new generation when a row of the list changes.
 */
export class ListCache {
  readonly #name: string;
  readonly #parts: ListCacheParts;
  readonly #fillPath: LeaseLoadFill;
  readonly #flights: Flights<ListPage>;
  /** When this process was last asked for a page. */
  readonly #asked = new LRUCache<string, number>({ max: limits.rememberedPages });
  readonly #kept = new LRUCache<string, KeptPage>({
    maxSize: limits.keptPages_bytes,
    sizeCalculation: ({ payload }) => payload.length + keptOverhead_bytes,
  });
  /** Of the last page that was read from Postgres. */
  #version = 0;

  /** @param name of the list, `Entity.list` of the rows in it */
  constructor(name: string, parts: ListCacheParts) {
    this.#name = name;
    this.#parts = parts;
    this.#fillPath = new LeaseLoadFill(parts);
    this.#flights = new Flights(parts.now, parts.monotonic);
  }

  /**
   * A page that this process has read from Redis before, if its generation has not ended. Redis is asked for the generation only.
   *
   * @param query as of `get`
   * @param until_ms as of `get`
   * @returns undefined, perhaps at once, if `get` has to read the page
   */
  kept(
    query: readonly unknown[],
    until_ms = Number.POSITIVE_INFINITY,
  ): Promise<ListPage | undefined> | undefined {
    const cacheKey = this.#pageKeyOf(query);
    const kept = this.#kept.get(cacheKey);
    if (kept === undefined || this.#parts.now() >= kept.until_ms || !outlastsRedis(until_ms))
      return undefined;
    return this.#servable(cacheKey, kept);
  }

  /**
   * Callers of one page at one time share one read of it.
   *
   * @param query tells this page from the others, in a stable order
   * @param load gets the patience of these callers: how long the most patient one waits
   * @param until_ms how long this caller waits, by `performance.now()`
   * @param loadFromStandby reads a standby of Postgres. Its page is marked stale, and no cache keeps it
   * @throws what `load` throws, if neither a cache nor a standby has the page
   */
  get(
    query: readonly unknown[],
    load: LoadPage,
    until_ms = Number.POSITIVE_INFINITY,
    loadFromStandby?: LoadPage,
  ): Promise<ListPage> {
    const cacheKey = this.#pageKeyOf(query);
    return withDeadline(
      () =>
        this.#flights.join(cacheKey, until_ms, (patience) =>
          this.#fly(cacheKey, () => load(patience), loadFromStandby && (() => loadFromStandby(patience))),
        ),
      { until_ms, late: callerGaveUp },
    );
  }

  #pageKeyOf(query: readonly unknown[]): string {
    return pageKey(this.#name, createHash('sha256').update(JSON.stringify(query)).digest('base64url'));
  }

  async #servable(cacheKey: string, { generation, ...kept }: KeptPage): Promise<ListPage | undefined> {
    const { shards, now, events } = this.#parts;
    try {
      const current = await shards.of(cacheKey).reads.readGeneration(this.#name);
      if (current !== generation) return undefined;
    } catch (error) {
      events.cacheFailed(error);
      return undefined;
    }
    const { payload, id, storedAt_ms } = kept;
    return { payload, id, source: 'near', age_ms: now() - storedAt_ms };
  }

  /** In memory of its own: the bytes of an answer of Redis are part of a larger block. */
  #keep(cacheKey: string, id: string, { payload, age_ms, freshFor_ms, grant }: AskedEntry): void {
    const now_ms = this.#parts.now();
    // As the script, which lets one reader refresh the page in the last part of its time.
    const keptFor_ms = freshFor_ms - timings.refreshAhead * (age_ms + freshFor_ms);
    if (keptFor_ms <= 0) return;
    this.#kept.set(cacheKey, {
      id,
      payload: Buffer.from(payload),
      generation: grant.stamp,
      storedAt_ms: now_ms - age_ms,
      until_ms: now_ms + keptFor_ms,
    });
  }

  async #fly(
    cacheKey: string,
    load: () => Promise<Buffer>,
    loadFromStandby: (() => Promise<Buffer>) | undefined,
  ): Promise<ListPage> {
    const { shards, now } = this.#parts;
    const place: Place = {
      name: this.#name,
      list: this.#name,
      cacheKey,
      payloadSchema: 1,
      softTtl_ms: this.#isAskedAgain(cacheKey) ? timings.listTtl_ms : timings.listFirstTtl_ms,
    };
    const loadPage = async () => ({ version: this.#nextVersion(), payload: await load() });
    const { freshness } = shards.of(cacheKey);
    const entry = await this.#fillPath.askAndWait(place, freshness, now);
    if (entry?.state === 'value' && entry.freshFor_ms > 0 && entry.isFresh()) {
      if (entry.lease === 'granted') this.#refreshAhead(place, entry.grant, loadPage);
      const id = idOf(cacheKey, entry.grant, entry.version);
      this.#keep(cacheKey, id, entry);
      return { payload: entry.payload, id, source: 'redis', age_ms: entry.age_ms };
    }
    try {
      const { read, stored } = await this.#fillPath.loadAndFill(place, entry?.grant, loadPage);
      const { payload, version } = read;
      if (!stored || entry === undefined) return { payload, source: 'bypass', age_ms: 0 };
      return { payload, id: idOf(cacheKey, entry.grant, version), source: 'stored', age_ms: 0 };
    } catch (error) {
      this.#fillPath.endLease(place, entry?.grant);
      const found = entry ?? (await this.#fillPath.readUnproved(place));
      if (found?.state === 'value') return { payload: found.payload, source: 'stale', age_ms: found.age_ms };
      const payload = await loadFromStandby?.().catch(() => undefined);
      if (payload === undefined) throw error;
      return { payload, source: 'stale', age_ms: 0 };
    }
  }

  /** It only orders the pages of one generation, so that a later read replaces an earlier one. Two reads may begin in one millisecond. */
  #nextVersion(): number {
    this.#version = Math.max(Date.now(), this.#version + 1);
    return this.#version;
  }

  #isAskedAgain(cacheKey: string): boolean {
    const now_ms = this.#parts.now();
    const last_ms = this.#asked.get(cacheKey);
    this.#asked.set(cacheKey, now_ms);
    return last_ms !== undefined && now_ms - last_ms < timings.listTtl_ms;
  }

  /** Readers get the old page meanwhile. If the refresh fails, another reader tries only after the lease has run out. */
  #refreshAhead(...path: Parameters<LeaseLoadFill['loadAndFill']>): void {
    this.#fillPath
      .loadAndFill(...path)
      .catch((error: unknown) => this.#parts.events.loadFailed(this.#name, error));
  }
}

interface KeptPage {
  readonly id: string;
  readonly payload: Buffer;
  readonly generation: string;
  readonly storedAt_ms: number;
  readonly until_ms: number;
}

/** The objects of a kept page, its id and its key. */
const keptOverhead_bytes = 600;

/** Pages of one generation differ by their version. */
const idOf = (cacheKey: string, { stamp }: Grant, version: number) => `${cacheKey} ${stamp} ${version}`;
