import { LRUCache } from 'lru-cache';
import type { Freshness } from '../channel/freshness.ts';

/** The copy of an answer in this process. */
export interface NearEntry {
  readonly version: number;
  /** null if there is no such row. */
  readonly payload: Buffer | null;
  /** When Redis stored it, by the monotonic clock of this process. */
  readonly storedAt_ms: number;
  readonly freshUntil_ms: number;
}

interface Kept extends NearEntry {
  readonly epoch: number;
}

/** Taken before a load, to offer its result. An invalidation that overtakes the load makes the ticket worthless. */
export interface Ticket {
  readonly key: string;
  readonly epoch: number;
  readonly sound: boolean;
  /** The highest version that an invalidation has named since the ticket was taken. */
  floor: number;
}

/**
 * Answers kept in this process, and served only while the invalidation channel is sound.
 *
 * It keeps nothing older than an invalidation that it has heard. The race: a load in flight when the message arrives
 * may have read the old value from Redis. It may answer its caller, who asked before, but it is not kept. When the
 * near cache goes silent, all it holds counts as absent, except for answers that are marked stale.
 */
export class NearCache {
  readonly #entries: LRUCache<string, Kept>;
  readonly #inFlight = new Map<string, Set<Ticket>>();
  readonly #freshness: Freshness;
  readonly #now: () => number;

  constructor(freshness: Freshness, now: () => number, limits: { maxBytes: number }) {
    this.#freshness = freshness;
    this.#now = now;
    this.#entries = new LRUCache({
      maxSize: limits.maxBytes,
      sizeCalculation: ({ payload }, key) => (payload?.length ?? 0) + key.length + entryOverhead_bytes,
    });
  }

  get(key: string): NearEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined || !this.#freshness.isSound() || !this.#freshness.isWithinBound())
      return undefined;
    if (entry.epoch !== this.#freshness.epoch || this.#now() >= entry.freshUntil_ms) return undefined;
    return entry;
  }

  /** The last answer, however old. For answers that are marked stale, and for people. */
  getStale(key: string): NearEntry | undefined {
    return this.#entries.get(key);
  }

  begin(key: string): Ticket {
    const ticket: Ticket = {
      key,
      epoch: this.#freshness.epoch,
      sound: this.#freshness.isSound(),
      floor: 0,
    };
    const others = this.#inFlight.get(key);
    if (others === undefined) this.#inFlight.set(key, new Set([ticket]));
    else others.add(ticket);
    return ticket;
  }

  end(ticket: Ticket): void {
    const tickets = this.#inFlight.get(ticket.key);
    tickets?.delete(ticket);
    if (tickets?.size === 0) this.#inFlight.delete(ticket.key);
  }

  /** Keeps the entry if no invalidation has overtaken it. An older entry of the key is dropped in any case. */
  offer(ticket: Ticket, entry: NearEntry): void {
    const { key } = ticket;
    const kept = this.#entries.get(key);
    if (kept !== undefined && kept.epoch === this.#freshness.epoch && kept.version > entry.version) return;
    const valid =
      ticket.sound &&
      this.#freshness.isSound() &&
      ticket.epoch === this.#freshness.epoch &&
      entry.version >= ticket.floor;
    if (valid) this.#entries.set(key, { ...entry, payload: ownBytes(entry.payload), epoch: ticket.epoch });
    else if (kept !== undefined && kept.version < entry.version) this.#entries.delete(key);
  }

  invalidate(key: string, version: number): void {
    for (const ticket of this.#inFlight.get(key) ?? []) ticket.floor = Math.max(ticket.floor, version);
    const entry = this.#entries.peek(key);
    if (entry !== undefined && entry.version < version) this.#entries.delete(key);
  }

  /** Postgres holds an older version of the key. Loads in flight are not kept either. */
  forget(key: string): void {
    for (const ticket of this.#inFlight.get(key) ?? []) ticket.floor = Number.POSITIVE_INFINITY;
    this.#entries.delete(key);
  }

  forgetAll(): void {
    for (const tickets of this.#inFlight.values())
      for (const ticket of tickets) ticket.floor = Number.POSITIVE_INFINITY;
    this.#entries.clear();
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#entries.calculatedSize;
  }
}

/**
 * Copies the payload. It is a slice of a 64 KiB socket buffer, which also holds payloads of other keys. Keeping the slice
 * would keep the whole buffer in memory. `allocUnsafeSlow`, because `Buffer.from` uses a pool that is shared too.
 */
function ownBytes(payload: Buffer | null): Buffer | null {
  if (payload === null) return null;
  const own = Buffer.allocUnsafeSlow(payload.length);
  payload.copy(own);
  return own;
}

/** Measured on Node 26: the objects, map slots, list links and buffer of one entry. */
const entryOverhead_bytes = 352;
