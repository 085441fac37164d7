import { randomBytes } from 'node:crypto';
import { pause } from '@catalog/runtime';
import type { Freshness } from '../channel/freshness.ts';
import {
  type Entry,
  generationKey,
  type Grant,
  type LeasedEntry,
  type PrimaryRead,
  type UnprovedEntry,
} from '../redis/entry-store.ts';
import type { FillShard, Router } from '../shards/router.ts';
import { timings } from '../timings.ts';
import type { Place } from './place.ts';

export interface FillEvents {
  /** A fill came too late, or without a lease. */
  fillRefused(name: string): void;
  cacheFailed(error: unknown): void;
  loadFailed(name: string, error: unknown): void;
}

/** An entry, and whether Redis was fresh when it was asked for it. */
export interface AskedEntry extends LeasedEntry {
  isFresh(): boolean;
}

export interface Filled<Read extends PrimaryRead> {
  readonly read: Read;
  readonly fresh_ms: number;
  /** Whether Redis holds the read now. */
  readonly stored: boolean;
  /** Redis holds this instead, which is newer. */
  readonly newer: Entry | undefined;
}

interface LeaseLoadFillParts {
  readonly shards: Router<FillShard>;
  readonly events: FillEvents;
}

/**
 * Lease → load → fill: the one way in which a key gets its entry. Readers of entities and of lists go through it, and
 * so does the worker when it refreshes a key.
 */
export class LeaseLoadFill {
  readonly #parts: LeaseLoadFillParts;

  constructor(parts: LeaseLoadFillParts) {
    this.#parts = parts;
  }

  /**
   * Reads the entry, and takes the lease if the entry needs a fill and nobody holds it.
   *
   * @throws what `EntryStore.readOrLease` throws; an error of the breaker while Redis fails
   */
  async ask({ list, cacheKey, payloadSchema }: Place, token = newToken()): Promise<LeasedEntry> {
    const { store, breaker } = this.#parts.shards.of(cacheKey);
    // Outside the breaker: no call is made, so nothing is learned about Redis.
    store.requireIncarnation();
    return breaker.execute(() =>
      list === undefined
        ? store.readOrLease(cacheKey, payloadSchema, token)
        : store.readPageOrLease(list, cacheKey, payloadSchema, token),
    );
  }

  /** As `ask`, but waits a little while another reader holds the lease. Undefined if Redis fails. */
  async askAndWait(place: Place, freshness: Freshness, now: () => number): Promise<AskedEntry | undefined> {
    const began_ms = now();
    const token = newToken();
    const { store } = this.#parts.shards.of(place.cacheKey);
    const { name, list } = place;
    const invalidated = list === undefined ? place : { name, cacheKey: generationKey(list) };
    try {
      for (let wait_ms = 2; ; wait_ms *= 2) {
        const asked = store.incarnation;
        const isFresh = freshness.beforeAsking(asked, invalidated);
        const entry = await this.ask(place, token);
        const { incarnation } = entry.grant;
        const waitIsOver = now() - began_ms + wait_ms > timings.leaseWait_ms;
        if (entry.lease !== 'busy' || waitIsOver || !freshness.isFresh(incarnation)) {
          return { ...entry, isFresh: () => incarnation === asked && isFresh() };
        }
        await pause(wait_ms);
      }
    } catch (error) {
      this.#parts.events.cacheFailed(error);
      return undefined;
    }
  }

  /**
   * The entry in Redis, whatever its incarnation, to be shown as stale. Undefined while the incarnation is known: then `ask`
   * is the one way to read.
   */
  async readUnproved({ cacheKey, payloadSchema }: Place): Promise<UnprovedEntry | undefined> {
    const { shards, events } = this.#parts;
    const { store, breaker } = shards.of(cacheKey);
    if (store.incarnation !== undefined) return undefined;
    try {
      return await breaker.execute(() => store.readUnproved(cacheKey, payloadSchema));
    } catch (error) {
      events.cacheFailed(error);
      return undefined;
    }
  }

  /**
   * Loads, and fills before any caller sees what was loaded. A refused fill raises the floor of the lease holder, so
   * that the holder cannot show something older afterwards.
   *
   * @param grant of the earlier read of Redis. Undefined if Redis could not be asked: then nothing is filled
   * @throws what `load` throws
   */
  async loadAndFill<Read extends PrimaryRead>(
    place: Place,
    grant: Grant | undefined,
    load: () => Promise<Read>,
  ): Promise<Filled<Read>> {
    const { shards, events } = this.#parts;
    const read = await load();
    const fresh_ms = freshTime_ms(place, read);
    if (grant === undefined) return { read, fresh_ms, stored: false, newer: undefined };
    const { store, breaker } = shards.of(place.cacheKey);
    const ttl_ms = place.list === undefined ? undefined : fresh_ms;
    try {
      const { stored, newer } = await breaker.execute(() =>
        store.fill(place.cacheKey, place.payloadSchema, grant, read, fresh_ms, ttl_ms),
      );
      if (!stored) events.fillRefused(place.name);
      return { read, fresh_ms, stored, newer };
    } catch (error) {
      events.cacheFailed(error);
      return { read, fresh_ms, stored: false, newer: undefined };
    }
  }

  /**
   * Call it after a failed load, so that the next reader need not wait until the lease runs out. It does not wait for Redis.
   *
   * @param grant of the earlier read of Redis
   */
  endLease({ cacheKey }: Place, grant: Grant | undefined): void {
    if (grant === undefined || grant.token === '') return;
    const { shards, events } = this.#parts;
    const { store, breaker } = shards.of(cacheKey);
    breaker
      .execute(() => store.endLease(cacheKey, grant))
      .catch((error: unknown) => events.cacheFailed(error));
  }

  /**
   * Fills the key if it needs a fill and no reader holds its lease.
   *
   * @returns whether this call filled it
   * @throws what `ask` and `load` throw
   */
  async refill(place: Place, load: () => Promise<PrimaryRead>): Promise<boolean> {
    const { lease, grant } = await this.ask(place);
    if (lease !== 'granted') return false;
    return (await this.loadAndFill(place, grant, load)).stored;
  }
}

const newToken = () => randomBytes(9).toString('hex');

/** The soft TTL, shortened at random so that keys that were loaded together do not expire together. */
function freshTime_ms({ softTtl_ms }: Place, { payload }: PrimaryRead): number {
  const ttl_ms = payload === null ? Math.min(timings.missingTtl_ms, softTtl_ms) : softTtl_ms;
  return ttl_ms * (1 - Math.random() * timings.softTtlJitter);
}
