import { randomUUID } from 'node:crypto';
import { timings } from '@catalog/contracts';
import type { ChainableCommander } from 'ioredis';
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

  /**
   * Invalidates keys in Redis and announces them, in one trip: what comes on one connection is done in its order.
   *
   * @returns of each key whether a live entry was invalidated, or why it could not be; announced are all of them
   * @throws CacheUnavailable, and ioredis errors where they could not be announced
   */
  async invalidate(keys: readonly InvalidatedKey[]): Promise<PromiseSettledResult<boolean>[]> {
    const { text, sha } = scripts.invalidate;
    const outcomes = await this.#invalidate(keys, (pipeline, ...call) => pipeline.evalsha(sha, 1, ...call));
    const unknown = keys.flatMap((_, index) => (isUnknownScript(outcomes[index]) ? [index] : []));
    if (unknown.length === 0) return outcomes;
    // Redis has lost the script. What was announced before it was done is announced again.
    const again = unknown.map((index) => keys[index]).filter((key) => key !== undefined);
    const repeated = await this.#invalidate(again, (pipeline, ...call) => pipeline.eval(text, 1, ...call));
    for (const [place, index] of unknown.entries()) {
      const outcome = repeated[place];
      if (outcome !== undefined) outcomes[index] = outcome;
    }
    return outcomes;
  }

  /** Announces what has been invalidated in Redis. */
  async publish(keys: readonly InvalidatedKey[]): Promise<void> {
    const pipeline = this.#connection.redis.pipeline();
    this.#announce(pipeline, keys);
    await lastAnswer(pipeline);
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
    const pipeline = this.#connection.redis.pipeline();
    pipeline.eval(scripts.heartbeat.text, 0, INVALIDATION_CHANNEL, head, watermark_ms);
    await lastAnswer(pipeline);
  }

  async #invalidate(
    keys: readonly InvalidatedKey[],
    call: (pipeline: ChainableCommander, key: string, ...args: (string | number)[]) => void,
  ): Promise<PromiseSettledResult<boolean>[]> {
    const incarnation = this.#connection.requireIncarnation();
    const pipeline = this.#connection.redis.pipeline();
    for (const [key, version] of keys) call(pipeline, key, incarnation, version, timings.deadTtl_ms);
    this.#announce(pipeline, keys);
    const answers = (await pipeline.exec()) ?? [];
    const failure = answers.find(([error]) => error !== null)?.[0];
    if (failure !== undefined) this.#connection.noticeRoleChange(failure);
    const [announced] = answers.at(-1) ?? [];
    if (announced) throw announced;
    return keys.map((_, index) => {
      const [error, hit] = answers[index] ?? [];
      return error ? { status: 'rejected', reason: error } : { status: 'fulfilled', value: hit === 1 };
    });
  }

  /**
   * Every message goes in a pipeline of its own: ioredis writes it at once, while what it pipelines by itself is
   * written later, and a message that overtook another would look like one that is lost.
   */
  #announce(pipeline: ChainableCommander, keys: readonly InvalidatedKey[]): void {
    pipeline.publish(INVALIDATION_CHANNEL, encodeInvalidation({ ...this.#envelope(), keys }));
  }

  #envelope() {
    const incarnation = this.#connection.requireIncarnation();
    this.#sequence += 1;
    return { publisher: this.#publisher, sequence: this.#sequence, incarnation };
  }
}

/** @throws what the last command of the pipeline was answered with */
async function lastAnswer(pipeline: ChainableCommander): Promise<void> {
  const [error] = (await pipeline.exec())?.at(-1) ?? [];
  if (error) throw error;
}

function isUnknownScript(outcome: PromiseSettledResult<boolean> | undefined): boolean {
  return outcome?.status === 'rejected' && String(outcome.reason).includes('NOSCRIPT');
}
