import type { Entity } from '@catalog/contracts';
import { Answer } from '../reading/answer.ts';
import { hashOfTail } from './key-hash.ts';
import type { NearCache, NearEntry, NearHandle } from './near-cache.ts';

/** A power of two. 32,768 places take 256 KB, and the handles of entries that the near cache has let go 3 MB more at most. */
const lastReadPlaces = 32_768;

/** Reads of one entity that the near cache answers alone, without a promise. */
export class NearReads<Body = unknown> {
  readonly #entity: Entity;
  readonly #near: NearCache;
  readonly #now: () => number;
  /** How much longer a key in the cache is than the key of the entity at its end; undefined if it does not end with it. */
  readonly #prefixLength: number | undefined;
  /**
   * The entries that were read last. The hash of a key is the place of its entry; a later key with the same place takes it over. To find
   * an entry here, nobody has to join prefix and key to a new text, which V8 would look for among all its texts.
   */
  readonly #lastRead: (NearHandle | undefined)[];

  constructor(
    entity: Entity,
    { near, now }: { readonly near: NearCache; readonly now: () => number },
    places = lastReadPlaces,
  ) {
    this.#entity = entity;
    this.#near = near;
    this.#now = now;
    const cacheKey = entity.cacheKey('\0');
    this.#prefixLength = cacheKey.endsWith('\0') ? cacheKey.length - 1 : undefined;
    this.#lastRead = Array.from({ length: this.#prefixLength === undefined ? 0 : places });
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
    if (this.#prefixLength === undefined) return this.#heldEntry(key, now_ms);
    const hash = hashOfTail(key);
    const place = hash & (this.#lastRead.length - 1);
    const last = this.#lastRead[place];
    const known =
      last !== undefined && isFor(last, key, this.#prefixLength) ? this.entryBy(last, now_ms) : undefined;
    if (known !== undefined) return known;
    if (!this.#near.mayHave(key, hash)) return undefined;
    const entry = this.#heldEntry(key, now_ms);
    if (entry !== undefined) this.#lastRead[place] = this.handle(key, entry);
    return entry;
  }

  /** As `getMany`, but the entries themselves. */
  entries(keys: readonly string[], now_ms: number): NearEntry[] | undefined {
    const entries: NearEntry[] = [];
    for (const key of keys) {
      // For a hundred keys in a row, `entry` takes a tenth longer.
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

/** Two keys of one entity that end alike may have different lengths. */
const isFor = ({ key: cacheKey }: NearHandle, key: string, prefixLength: number): boolean =>
  cacheKey.length === prefixLength + key.length && cacheKey.slice(prefixLength) === key;
