import { timings } from '../timings.ts';
import type { ChannelMessage } from './messages.ts';

export type Silence = 'start' | 'disconnected' | 'gap' | 'overdue' | 'incarnation';

/** Which life of the stores this process reads, from its connection to the cache. */
type OwnIncarnation = () => string | undefined;

/**
 * How far this process can trust what is cached. It judges messages; it has no socket and no timer.
 *
 *   silent ── subscribed, and a heartbeat of our own incarnation, sent since ──▶ sound
 *   sound  ── gap in a sequence, reconnect, heartbeat overdue, other incarnation ──▶ silent
 *
 * A near cache may keep and serve only while this is sound, and only what was loaded in the same epoch:
 * each of these steps begins another. Redis counts as fresh while the watermark is within the bound.
 *
 * Ages are counted from `sentAfter_ms`, a moment before which the message cannot have been published (see
 * InvalidationChannel), never from its arrival: a process that was paused finds a queue of old heartbeats, and
 * must not take them for new ones. All times are one monotonic clock.
 */
export class Freshness {
  readonly #now: () => number;
  readonly #ownIncarnation: OwnIncarnation;
  readonly #sequences = new Map<string, number>();
  #subscribed = false;
  #sound = false;
  #epoch = 0;
  #silentSince_ms = 0;
  #heartbeatAt_ms = Number.NEGATIVE_INFINITY;
  #watermarkAt_ms = Number.NEGATIVE_INFINITY;
  #incarnation: string | undefined;
  #lastSilence: Silence = 'start';
  readonly silences: Record<Silence, number> = {
    start: 0,
    disconnected: 0,
    gap: 0,
    overdue: 0,
    incarnation: 0,
  };

  constructor(now: () => number, ownIncarnation: OwnIncarnation) {
    this.#now = now;
    this.#ownIncarnation = ownIncarnation;
  }

  /** Changes whenever what was kept before must not be served any more. */
  get epoch(): number {
    this.isSound();
    return this.#epoch;
  }

  /** Whether every invalidation since the beginning of this epoch has been heard. */
  isSound(): boolean {
    if (!this.#sound) return false;
    if (this.#now() - this.#heartbeatAt_ms > timings.heartbeatOverdue_ms) {
      this.#silence('overdue');
      return false;
    }
    if (this.#ownIncarnation() !== this.#incarnation) {
      this.#silence('incarnation');
      return false;
    }
    return true;
  }

  /** Whether what Redis of this life holds is at most `bound_ms` behind the newest commit. */
  isFresh(incarnation: string | undefined): boolean {
    return this.beforeAsking(incarnation)();
  }

  /**
   * To be taken before Redis of this life is asked; says whether its answer, when it is there, is at most `bound_ms`
   * behind the newest commit. A heartbeat that is heard while Redis answers does not count: it may tell of
   * what was applied after Redis was read.
   */
  beforeAsking(incarnation: string | undefined): () => boolean {
    const isKnown = incarnation !== undefined && incarnation === this.#incarnation;
    const appliedUpTo_ms = this.#watermarkAt_ms;
    return () =>
      isKnown && incarnation === this.#incarnation && this.#now() - appliedUpTo_ms <= timings.bound_ms;
  }

  /** Whether the newest commit that may not be applied yet is at most `bound_ms` old. */
  isWithinBound(): boolean {
    return this.watermarkAge_ms <= timings.bound_ms;
  }

  /** Age of the watermark; Infinity when none is known. */
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
   * @param sentAfter_ms a moment before which the message cannot have been published
   * @returns whether the message is of another life than ours, so that ours should be asked again
   */
  received(message: ChannelMessage, sentAfter_ms: number): { otherIncarnation: boolean } {
    this.#followSequence(message.publisher, message.sequence);
    if (!('watermarkAge_ms' in message)) return { otherIncarnation: false };
    if (message.incarnation !== this.#ownIncarnation()) return { otherIncarnation: true };

    if (this.#incarnation !== message.incarnation) {
      this.#silence('incarnation');
      this.#incarnation = message.incarnation;
      this.#watermarkAt_ms = Number.NEGATIVE_INFINITY;
    }
    this.#watermarkAt_ms = Math.max(this.#watermarkAt_ms, sentAfter_ms - message.watermarkAge_ms);
    this.#heartbeatAt_ms = Math.max(this.#heartbeatAt_ms, sentAfter_ms);
    if (!this.#sound && this.#subscribed && sentAfter_ms >= this.#silentSince_ms) {
      this.#sound = true;
      this.#epoch += 1;
    }
    return { otherIncarnation: false };
  }

  /** A publisher that is new to us begins at 1, unless we have only just begun to listen. */
  #followSequence(publisher: string, sequence: number): void {
    const last = this.#sequences.get(publisher) ?? (this.#sound ? 0 : sequence - 1);
    if (sequence !== last + 1) this.#silence('gap');
    this.#sequences.delete(publisher);
    this.#sequences.set(publisher, sequence);
    if (this.#sequences.size > maxPublishers) {
      // Workers that are gone; the one not heard of for longest goes first.
      for (const oldest of this.#sequences.keys()) {
        this.#sequences.delete(oldest);
        break;
      }
    }
  }

  #silence(reason: Silence): void {
    // While it is silent nothing is kept, so nothing can be missed.
    if (!this.#sound) return;
    this.#silentSince_ms = this.#now();
    this.#sound = false;
    this.#epoch += 1;
    this.#lastSilence = reason;
    this.silences[reason] += 1;
  }
}

const maxPublishers = 64;
