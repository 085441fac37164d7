import type { Entity } from '@catalog/contracts';
import { Answer } from '../reading/answer.ts';
import type { NearCache, NearEntry, NearHandle } from './near-cache.ts';

/** Reads of one entity that the near cache answers alone, without a promise. */
export class NearReads<Body = unknown> {
  readonly #entity: Entity;
  readonly #near: NearCache;
  readonly #now: () => number;
  /** Whether a key in the cache ends with the key of the entity. */
  readonly #endsWithKey: boolean;

  constructor(entity: Entity, { near, now }: { readonly near: NearCache; readonly now: () => number }) {
    this.#entity = entity;
    this.#near = near;
    this.#now = now;
    this.#endsWithKey = entity.cacheKey('\0').endsWith('\0');
  }

  /** @returns undefined if the near cache has no answer, or one below `minVersion` */
  get(key: string, minVersion = 0): Answer<Body> | undefined {
    const now_ms = this.#now();
    const entry = this.entry(key, now_ms);
    if (entry === undefined || entry.version < minVersion) return undefined;
    return Answer.ofNear(entry, now_ms, 'near');
  }

  /** As `get` for many keys, in their order; undefined unless the near cache answers all of them. */
  getMany(keys: readonly string[], minVersion = 0): Answer<Body>[] | undefined {
    const now_ms = this.#now();
    const entries = this.entries(keys, now_ms);
    return entries?.every(({ version }) => version >= minVersion) === true
      ? entries.map((entry) => Answer.ofNear(entry, now_ms, 'near'))
      : undefined;
  }

  /** As `get`, but the entry itself. For callers that answer thousands of requests a second. */
  entry(key: string, now_ms: number): NearEntry | undefined {
    if (this.#endsWithKey && !this.#near.mayHave(key)) return undefined;
    return this.#heldEntry(key, now_ms);
  }

  /** As `getMany`, but the entries themselves. */
  entries(keys: readonly string[], now_ms: number): NearEntry[] | undefined {
    const entries: NearEntry[] = [];
    for (const key of keys) {
      // Most of many keys are there.
      const entry = this.#heldEntry(key, now_ms);
      if (entry === undefined) return undefined;
      entries.push(entry);
    }
    return entries;
  }

  /**
   * For an entry that will be read again by another way than its key, which spares the look-up.
   *
   * @param entry that `entry` has just given for the key
   */
  handle(key: string, entry: NearEntry): NearHandle {
    return this.#near.handleOf(this.#entity.cacheKey(key), entry);
  }

  /** As `entry` for the key of the handle; undefined also if the near cache holds another entry for it by now. */
  entryBy(handle: NearHandle, now_ms: number): NearEntry | undefined {
    return this.#unlessSetAside(handle.key, this.#near.getBy(handle, now_ms));
  }

  #heldEntry(key: string, now_ms: number): NearEntry | undefined {
    const cacheKey = this.#entity.cacheKey(key);
    return this.#unlessSetAside(cacheKey, this.#near.get(cacheKey, now_ms));
  }

  /** The near copy may come from a Redis that refused to invalidate the key. */
  #unlessSetAside(cacheKey: string, entry: NearEntry | undefined): NearEntry | undefined {
    const { name } = this.#entity;
    return entry?.freshness?.isSetAside({ name, cacheKey }) === false ? entry : undefined;
  }
}
