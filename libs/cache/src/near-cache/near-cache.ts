import { PassingMap } from '@catalog/runtime';
import { LRUCache } from 'lru-cache';
import type { Freshness } from '../channel/freshness.ts';
import { limits as cacheLimits } from '../timings.ts';
import { CountingFilter } from './counting-filter.ts';
import { hashOfKey, hashOfTail, tailLength } from './key-hash.ts';

/** What this process holds of a key. The near cache may keep it. */
export class NearEntry {
  readonly version: number;
  /**
   * The payload, one character for each byte: `latin1`. null if there is no such row. Node sends head and body with one
   * system call if the body is such a string. It takes two memory blocks and a vector if the body is a Buffer.
   */
  readonly text: string | null;
  /** When Redis stored it, by the monotonic clock of this process. */
  readonly storedAt_ms: number;
  readonly freshUntil_ms: number;
  /** What a user of the entry has made from it, to make it once. It ends with the entry. At most `attachment_bytes`. */
  attachment: object | undefined = undefined;
  /** Of the server that holds the key. Unset: the entry may only be served marked stale. */
  freshness: Freshness | undefined = undefined;
  /** Of that freshness, in which the near cache keeps it. */
  epoch = -1;
  /** Made when somebody asks for it. */
  handle: NearHandle | undefined = undefined;

  constructor(version: number, text: string | null, storedAt_ms: number, freshUntil_ms: number) {
    this.version = version;
    this.text = text;
    this.storedAt_ms = storedAt_ms;
    this.freshUntil_ms = freshUntil_ms;
  }
}

/** A key and the entry that the near cache holds for it: a way to read the entry again without a look-up. */
export interface NearHandle {
  readonly key: string;
  /** undefined since the near cache has let go of it. */
  readonly entry: NearEntry | undefined;
}

type Held = { -readonly [Field in keyof NearHandle]: NearHandle[Field] };

/** Taken before a load, to offer its result. An invalidation that overtakes the load makes the ticket worthless. */
export interface Ticket {
  readonly key: string;
  /** `hashOfKey` of it. */
  readonly hash: number;
  /** Of the server that holds the key. */
  readonly freshness: Freshness;
  /** -1 if that was not sound. */
  readonly epoch: number;
  /** The highest version that an invalidation has named since the ticket was taken. */
  floor: number;
  /** The next earlier and the next later load of the same key, or of one with the same hash, that are in flight. */
  earlier: Ticket | undefined;
  later: Ticket | undefined;
}

/**
 * Answers kept in this process, and served only while the invalidation channel of their server is sound.
 *
 * It serves nothing older than an invalidation that it has heard. The race: a load in flight when the message arrives
 * may have read the old value from Redis. It may answer its caller, who asked before, but nobody else. When the
 * near cache goes silent, all it holds counts as absent.
 *
 * For answers that are marked stale it keeps even what counts as absent. Without that, a process could be left without any
 * answer: it has read a version from Postgres, its fill was refused, and an invalidation comes. Redis then holds an older
 * version, which must not be served after the newer one.
 */
export class NearCache {
  readonly #entries: LRUCache<string, NearEntry>;
  /** Keys without a row, the last ones. The entries of older ones are dropped, so that they do not displace values. */
  readonly #missing: LRUCache<string, true>;
  /** The ends of the keys in `#entries`, hashed. Most keys that Redis is asked for are not there, and the map takes longer to say so. */
  readonly #tails: CountingFilter;
  /** By hash. */
  readonly #inFlight = new PassingMap<number, Ticket>();
  readonly #now: () => number;
  #hits = 0;

  constructor(now: () => number, limits: { maxBytes: number }) {
    this.#now = now;
    this.#tails = new CountingFilter(limits.maxBytes / entryOverhead_bytes);
    this.#entries = new LRUCache({
      maxSize: limits.maxBytes,
      sizeCalculation: sizeOf,
      onInsert: (_, key, reason) => {
        if (reason !== 'update') this.#tails.add(hashOfTail(key));
      },
      // Of an entry that another one replaces too.
      dispose: (entry, key) => {
        this.#tails.remove(hashOfTail(key));
        letGo(entry);
      },
    });
    this.#missing = new LRUCache({
      max: Math.max(1, Math.floor((cacheLimits.nearMissingShare * limits.maxBytes) / missing_bytes)),
      dispose: (_, key, reason) => {
        if (reason === 'evict') this.#entries.delete(key);
      },
    });
  }

  /**
   * False only if it has no entry for any key with this end.
   *
   * @param hash `hashOfTail(tail)`, if the caller has it
   */
  mayHave(tail: string, hash = hashOfTail(tail)): boolean {
    return tail.length < tailLength || this.#tails.mayHave(hash);
  }

  /** @param now_ms by the clock of this cache; a caller that knows it spares another look at the clock */
  get(key: string, now_ms = this.#now()): NearEntry | undefined {
    const entry = this.#hits++ % hitsPerMove === 0 ? this.#entries.get(key) : this.#entries.peek(key);
    return entry !== undefined && mayServe(entry, now_ms) ? entry : undefined;
  }

  /** As `get` for the key of the handle. undefined also if the cache holds another entry for it by now. */
  getBy({ key, entry }: NearHandle, now_ms: number): NearEntry | undefined {
    if (entry === undefined || !mayServe(entry, now_ms)) return undefined;
    if (this.#hits++ % hitsPerMove === 0) this.#entries.get(key);
    return entry;
  }

  /** @param entry that `get` has just given for the key */
  handleOf(key: string, entry: NearEntry): NearHandle {
    // A copy: the key may be a part of a request, and would keep all of it.
    return (entry.handle ??= { key: Buffer.from(key).toString(), entry });
  }

  /** The last answer, however old. For answers that are marked stale, and for people. */
  getStale(key: string): NearEntry | undefined {
    return this.#entries.get(key);
  }

  /** @param hash `hashOfKey(key)`, if the caller has it */
  begin(key: string, freshness: Freshness, hash = hashOfKey(key)): Ticket {
    const epoch = freshness.soundEpoch();
    const earlier = this.#inFlight.get(hash);
    const ticket: Ticket = { key, hash, freshness, epoch, floor: 0, earlier, later: undefined };
    if (earlier !== undefined) earlier.later = ticket;
    this.#inFlight.set(hash, ticket);
    return ticket;
  }

  end(ticket: Ticket): void {
    const { hash, earlier, later } = ticket;
    if (later !== undefined) later.earlier = earlier;
    else if (this.#inFlight.get(hash) === ticket) {
      if (earlier === undefined) this.#inFlight.delete(hash);
      else this.#inFlight.set(hash, earlier);
    }
    if (earlier !== undefined) earlier.later = later;
    ticket.earlier = undefined;
    ticket.later = undefined;
  }

  /**
   * Keeps the entry, which the caller serves. Nothing older is served after it, whether it is kept or not. If an invalidation has
   * overtaken it, it is kept for stale answers only.
   *
   * @param mayDisplace whether other entries may have to go for it
   */
  offer(ticket: Ticket, entry: NearEntry, mayDisplace = true): void {
    const { key, hash, freshness } = ticket;
    this.#raiseFloors(key, entry.version, hash);
    const kept = this.mayHave(key) ? this.#entries.peek(key) : undefined;
    if (kept === undefined && !mayDisplace && !this.#hasRoom(key, entry)) return;
    const epoch = freshness.soundEpoch();
    const isOfNow = kept?.freshness === freshness && kept.epoch === epoch;
    if (isOfNow && kept.version > entry.version) return;
    if (epoch !== -1 && ticket.epoch === epoch && entry.version >= ticket.floor) {
      entry.freshness = freshness;
      entry.epoch = epoch;
      this.#set(key, entry);
    } else this.keepStale(key, entry);
  }

  /** Keeps a served entry for stale answers. Does nothing if the cache holds this version of the key, or a newer one. */
  keepStale(key: string, entry: NearEntry): void {
    const kept = this.#entries.peek(key);
    if (kept !== undefined && kept.version >= entry.version) return;
    entry.freshness = undefined;
    this.#set(key, entry);
  }

  invalidate(key: string, version: number): void {
    this.#raiseFloors(key, version);
    const entry = this.#entries.peek(key);
    if (entry !== undefined && entry.version < version) entry.freshness = undefined;
  }

  /** Postgres holds an older version of the key. Loads in flight are not kept either. */
  forget(key: string): void {
    this.#raiseFloors(key, Number.POSITIVE_INFINITY);
    this.#entries.delete(key);
  }

  forgetAll(): void {
    for (const hash of this.#inFlight.keys())
      for (let ticket = this.#inFlight.get(hash); ticket !== undefined; ticket = ticket.earlier)
        ticket.floor = Number.POSITIVE_INFINITY;
    this.#entries.clear();
    this.#missing.clear();
  }

  #hasRoom(key: string, entry: NearEntry): boolean {
    return this.#entries.calculatedSize + sizeOf(entry, key) <= this.#entries.maxSize;
  }

  #set(key: string, entry: NearEntry): void {
    this.#entries.set(key, entry);
    if (entry.text === null) this.#missing.set(key, true);
    else this.#missing.delete(key);
  }

  #raiseFloors(key: string, version: number, hash = hashOfKey(key)): void {
    for (let ticket = this.#inFlight.get(hash); ticket !== undefined; ticket = ticket.earlier)
      if (ticket.key === key) ticket.floor = Math.max(ticket.floor, version);
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }
}

const mayServe = (entry: NearEntry, now_ms: number): boolean =>
  now_ms < entry.freshUntil_ms && entry.epoch === entry.freshness?.trustedEpoch(now_ms);

/** Nobody invalidates an entry that has left the cache, so nobody may read it by its handle. */
function letGo({ handle }: NearEntry): void {
  if (handle !== undefined) (handle as Held).entry = undefined;
}

/**
 * One of this many hits moves its entry to the young end of the LRU list. Entries that are read often stay near that end all the
 * same, and the other hits do not touch neighbours in the list.
 */
const hitsPerMove = 8;

/** What an attachment may take. */
const attachment_bytes = 230;
const handle_bytes = 70;

/** Measured on Node 26: the objects, map slots, list links and string of one entry, and what belongs to it. */
const entryOverhead_bytes = 255 + attachment_bytes + handle_bytes;

const sizeOf = ({ text }: NearEntry, key: string): number =>
  (text?.length ?? 0) + key.length + entryOverhead_bytes;

/** An entry without a payload or an attachment, and its key in two maps. */
const missing_bytes = 500;
