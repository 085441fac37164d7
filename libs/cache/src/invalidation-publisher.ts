import { randomUUID } from 'node:crypto';
import type { CacheConnection } from './cache-connection.ts';
import {
  encodeHeartbeatHead,
  encodeInvalidation,
  INVALIDATION_CHANNEL,
  type InvalidatedKey,
} from './messages.ts';
import { scripts } from './scripts.ts';

/**
 * The worker's end of the invalidation channel. Every message carries the next number of one sequence, taken
 * whether or not it arrives: a message that is lost leaves a gap, and the readers notice.
 */
export class InvalidationPublisher {
  readonly #connection: CacheConnection;
  readonly #publisher = randomUUID();
  #sequence = 0;

  constructor(connection: CacheConnection) {
    this.#connection = connection;
  }

  /** Announces what has been invalidated in Redis. */
  async publish(keys: readonly InvalidatedKey[]): Promise<void> {
    const message = encodeInvalidation({ ...this.#envelope(), keys });
    await this.#connection.redis.publish(INVALIDATION_CHANNEL, message);
  }

  /**
   * Makes every near cache empty itself, as after a message that was lost: one number of the sequence is left out, and
   * the next message shows it.
   */
  async publishGap(): Promise<void> {
    this.#sequence += 1;
    await this.publish([]);
  }

  /** @param watermark_ms of the clock of the cache Redis */
  async heartbeat(watermark_ms: number): Promise<void> {
    const head = encodeHeartbeatHead(this.#envelope());
    // By its text: four times a second, and the order of messages does not hang on whether Redis knows the hash.
    await this.#connection.redis.eval(scripts.heartbeat.text, 0, INVALIDATION_CHANNEL, head, watermark_ms);
  }

  #envelope() {
    const incarnation = this.#connection.requireIncarnation();
    this.#sequence += 1;
    return { publisher: this.#publisher, sequence: this.#sequence, incarnation };
  }
}
