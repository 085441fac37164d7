import { slotOf, viewHasSlot } from '@catalog/redis';
import { timings } from '../timings.ts';
import type { ChannelMessage } from './messages.ts';

/** Why the near cache went silent. */
export type Silence = 'start' | 'disconnected' | 'gap' | 'overdue' | 'incarnation' | 'slots';

/** How often it went silent for each reason: never yet. */
export const noSilences = (): Record<Silence, number> => ({
  start: 0,
  disconnected: 0,
  gap: 0,
  overdue: 0,
  incarnation: 0,
  slots: 0,
});

/** A key, and the name of its entity or list. */
interface NamedKey {
  readonly name: string;
  readonly cacheKey: string;
}

/** The incarnation that this process reads, as its connection to the cache knows it. */
type OwnIncarnation = () => string | undefined;

/** The slots of the shard in the map of this process: `ClusterShard.view`; undefined for a single server. */
type OwnSlots = () => string | undefined;

/** What a heartbeat contradicts. This process should then ask for it again. */
interface Disagreement {
  readonly otherIncarnation: boolean;
  readonly otherSlots: boolean;
}

/**
 * How far this process can trust what is cached. It judges messages. It has no socket and no timer.
 *
 *   silent ── subscribed, and since then a heartbeat of our own incarnation was sent ──▶ sound
 *   sound  ── gap in a sequence, reconnect, heartbeat overdue, other incarnation, other slots ──▶ silent
 *
 * Each of these steps begins another epoch. A near cache keeps and serves entries only while this is sound, and only
 * entries that were loaded in the same epoch. Redis counts as fresh while the watermark is within the bound.
 *
 * The age of a message counts from `sentAfter_ms`: the message was published after that moment (InvalidationChannel
 * says why). It never counts from the arrival: a process that was paused finds a queue of old heartbeats, and must
 * not take them for new ones. All times are by one monotonic clock.
 *
 * Each shard of a cluster has its own freshness. A heartbeat counts for the near cache only if its publisher and this process have
 * the same view of the slots of the shard. The race: a slot moves to another shard, and its invalidations are announced there. A
 * reader that has not noticed still listens here. It must not take the heartbeats of this shard as proof that its copies are right.
 * While the views differ, this process does not use its near copies. It still trusts Redis for the slots in both views, because the
 * publisher invalidates their keys there. So Redis stays warm while many slots move one after the other.
 */
export class Freshness {
  readonly #now: () => number;
  readonly #ownIncarnation: OwnIncarnation;
  readonly #ownSlots: OwnSlots;
  readonly #sequences = new Map<string, number>();
  #subscribed = false;
  #sound = false;
  #epoch = 0;
  #silentSince_ms = 0;
  #heartbeatAt_ms = Number.NEGATIVE_INFINITY;
  #watermarkAt_ms = Number.NEGATIVE_INFINITY;
  /** Redis keys and names of entities for which the newest watermark does not hold. */
  #setAsideKeys: ReadonlySet<string> = new Set();
  #setAsideEntities: ReadonlySet<string> = new Set();
  /** The view in the newest heartbeat. If it equals our own view, it is the same string object, so that comparing them is cheap. */
  #slots: string | undefined;
  #incarnation: string | undefined;
  #lastSilence: Silence = 'start';
  readonly silences = noSilences();

  constructor(now: () => number, ownIncarnation: OwnIncarnation, ownSlots: OwnSlots = () => undefined) {
    this.#now = now;
    this.#ownIncarnation = ownIncarnation;
    this.#ownSlots = ownSlots;
  }

  /**
   * Changes whenever entries that were kept before must not be served any more. -1 while the near cache is silent, which is
   * never the epoch of an entry.
   */
  soundEpoch(now_ms = this.#now()): number {
    return this.isSound(now_ms) ? this.#epoch : -1;
  }

  /**
   * The epoch whose entries the near cache may serve at this moment: it is sound and within the bound. Else -1, which is
   * never the epoch of an entry.
   */
  trustedEpoch(now_ms: number): number {
    const epoch = this.soundEpoch(now_ms);
    return now_ms - this.#watermarkAt_ms <= timings.bound_ms ? epoch : -1;
  }

  /** Whether every invalidation since the beginning of this epoch has been heard. */
  isSound(now_ms = this.#now()): boolean {
    if (!this.#sound) return false;
    if (now_ms - this.#heartbeatAt_ms > timings.heartbeatOverdue_ms) {
      this.#silence('overdue');
      return false;
    }
    if (this.#ownIncarnation() !== this.#incarnation) {
      this.#silence('incarnation');
      return false;
    }
    return true;
  }

  /** Whether Redis, in this incarnation, is at most `bound_ms` behind the newest commit. */
  isFresh(incarnation: string | undefined): boolean {
    return this.beforeAsking(incarnation)();
  }

  /**
   * Call this before asking Redis, and call the returned function when Redis has answered. That function says whether the
   * answer is at most `bound_ms` behind the newest commit. A heartbeat that arrives between the two calls does not count:
   * it may cover changes that were applied after Redis read the entry. A key that is set aside is never fresh.
   */
  beforeAsking(incarnation: string | undefined, place?: NamedKey): () => boolean {
    const isKnown =
      incarnation !== undefined &&
      incarnation === this.#incarnation &&
      (place === undefined || !this.isSetAside(place));
    const appliedUpTo_ms = this.#watermarkAt_ms;
    return () =>
      isKnown && incarnation === this.#incarnation && this.#now() - appliedUpTo_ms <= timings.bound_ms;
  }

  /** Whether Redis may hold an old value: it refuses to invalidate the key, or the worker invalidates the key on another shard. */
  isSetAside({ name, cacheKey }: NamedKey): boolean {
    if (this.#slots !== this.#ownSlots() && !viewHasSlot(this.#slots ?? '', slotOf(cacheKey))) return true;
    if (this.#setAsideKeys.size === 0 && this.#setAsideEntities.size === 0) return false;
    return this.#setAsideKeys.has(cacheKey) || this.#setAsideEntities.has(name);
  }

  /** Whether every commit older than `bound_ms` is known to be applied, unless its key is set aside. */
  isWithinBound(): boolean {
    return this.watermarkAge_ms <= timings.bound_ms;
  }

  /** Infinity while no watermark is known. */
  get watermarkAge_ms(): number {
    return this.#now() - this.#watermarkAt_ms;
  }

  get lastSilence(): Silence {
    return this.#lastSilence;
  }

  subscribed(): void {
    this.#subscribed = true;
    this.#silentSince_ms = this.#now();
    this.#sequences.clear();
  }

  disconnected(): void {
    this.#subscribed = false;
    this.#silence('disconnected');
  }

  /**
   * The shard has lost slots, or may have lost some for a while. Invalidations of their keys were announced elsewhere, so nothing
   * that is kept may be served.
   */
  slotsChanged(): void {
    this.#silence('slots');
  }

  /** @param sentAfter_ms the message was published after this moment */
  received(message: ChannelMessage, sentAfter_ms: number): Disagreement {
    this.#followSequence(message.publisher, message.sequence);
    if (!('watermarkAge_ms' in message)) return agreed;
    const otherIncarnation = message.incarnation !== this.#ownIncarnation();
    const ownSlots = this.#ownSlots();
    const otherSlots = message.slots !== ownSlots;
    if (otherIncarnation) return { otherIncarnation, otherSlots };
    if (otherSlots) this.#silence('slots');

    if (this.#incarnation !== message.incarnation) {
      this.#silence('incarnation');
      this.#incarnation = message.incarnation;
      this.#watermarkAt_ms = Number.NEGATIVE_INFINITY;
    }
    const watermarkAt_ms = sentAfter_ms - message.watermarkAge_ms;
    // A watermark and its keys set aside belong together. With several workers, an older watermark may come later.
    if (watermarkAt_ms >= this.#watermarkAt_ms) {
      this.#watermarkAt_ms = watermarkAt_ms;
      this.#setAsideKeys = new Set(message.setAside?.keys);
      this.#setAsideEntities = new Set(message.setAside?.entities);
      this.#slots = otherSlots ? message.slots : ownSlots;
    }
    if (otherSlots) return { otherIncarnation, otherSlots };
    this.#heartbeatAt_ms = Math.max(this.#heartbeatAt_ms, sentAfter_ms);
    if (!this.#sound && this.#subscribed && sentAfter_ms >= this.#silentSince_ms) {
      this.#sound = true;
      this.#epoch += 1;
    }
    return agreed;
  }

  /** A publisher that we hear for the first time begins at 1, unless we have only just begun to listen. */
  #followSequence(publisher: string, sequence: number): void {
    const last = this.#sequences.get(publisher) ?? (this.#sound ? 0 : sequence - 1);
    if (sequence !== last + 1) this.#silence('gap');
    this.#sequences.delete(publisher);
    this.#sequences.set(publisher, sequence);
    if (this.#sequences.size > maxPublishers) {
      // Workers that have ended leave their publishers behind. Forget the one that was silent for longest.
      for (const oldest of this.#sequences.keys()) {
        this.#sequences.delete(oldest);
        break;
      }
    }
  }

  #silence(reason: Silence): void {
    // While the near cache is silent it keeps nothing, so no message can be missed.
    if (!this.#sound) return;
    this.#silentSince_ms = this.#now();
    this.#sound = false;
    this.#epoch += 1;
    this.#lastSilence = reason;
    this.silences[reason] += 1;
  }
}

const agreed: Disagreement = { otherIncarnation: false, otherSlots: false };

/** Each start of a worker is a new publisher. */
const maxPublishers = 64;
