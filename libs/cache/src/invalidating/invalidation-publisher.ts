import { randomUUID } from 'node:crypto';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { timings } from '../timings.ts';
import type { ChainableCommander } from 'ioredis';
import type { CacheConnection } from '../redis/cache-connection.ts';
import {
  encodeHeartbeatHead,
  encodeInvalidation,
  INVALIDATION_CHANNEL,
  type InvalidatedKey,
  type Invalidation,
  type SetAside,
} from '../channel/messages.ts';
import { scripts } from '../redis/scripts.ts';

/** Whether a live entry was invalidated, or why Redis refuses the key. */
type Outcome = PromiseSettledResult<boolean>;
/** The answer of `invalidate_each.lua` for one key. */
type Answer = 1 | 0 | string;
type Announcement = Pick<Invalidation, 'keys' | 'forget'>;
type RunInvalidateEach = (
  pipeline: ChainableCommander,
  keyCount: number,
  ...keysAndArgs: (string | number)[]
) => void;

/**
 * The worker's end of the invalidation channel. Every message takes the next number of one sequence, even if it cannot
 * be sent. So a lost message leaves a gap, and the readers notice it.
 */
export class InvalidationPublisher {
  readonly #connection: CacheConnection;
  readonly #publisher = randomUUID();
  #sequence = 0;

  constructor(connection: CacheConnection) {
    this.#connection = connection;
  }

  /**
   * Invalidates keys in Redis and then announces them, in one trip: Redis runs the commands of a connection in order.
   *
   * @returns for each key whether a live entry was invalidated, or why Redis refuses it. All keys are announced.
   * @throws CacheUnavailable, and ioredis errors that concern every key: then some keys may be invalidated, and some announced
   */
  invalidate(keys: readonly InvalidatedKey[]): Promise<Outcome[]> {
    return this.#announced({ keys });
  }

  /**
   * Invalidates keys whatever their versions are, and makes every reader forget which versions of them it has served:
   * a cached version may be newer than the one that Postgres holds.
   *
   * @returns and throws as `invalidate`
   */
  forget(cacheKeys: readonly string[]): Promise<Outcome[]> {
    const keys = cacheKeys.map((cacheKey) => [cacheKey, UNCONDITIONAL_VERSION] as const);
    return this.#announced({ keys, forget: 'keys' });
  }

  async #announced(message: Announcement): Promise<Outcome[]> {
    const { text, sha } = scripts.invalidateEach;
    try {
      return await this.#invalidate(message, (pipeline, ...call) => pipeline.evalsha(sha, ...call));
    } catch (error) {
      if (!String(error).includes('NOSCRIPT')) throw error;
      // Redis has lost the script. The keys were announced before they are invalidated, so they are announced again.
      return this.#invalidate(message, (pipeline, ...call) => pipeline.eval(text, ...call));
    }
  }

  /**
   * Empties every near cache, and makes every reader forget which versions it has served, of any key. The message skips a
   * number of the sequence, as a lost message does: a reader of an earlier release empties its near cache too.
   */
  async forgetAll(): Promise<void> {
    this.#sequence += 1;
    const pipeline = this.#connection.redis.pipeline();
    this.#announce(pipeline, { keys: [], forget: 'all' });
    await lastAnswer(pipeline);
  }

  /**
   * @param watermark_ms by the clock of the cache Redis
   * @param ownAge_ms the age of the watermark by the monotonic clock of this process
   * @param setAside keys and entities for which the watermark does not hold
   * @throws CacheUnavailable, and ioredis errors. If Redis is in another incarnation, the connection learns it.
   */
  async heartbeat(watermark_ms: number, ownAge_ms = 0, setAside?: SetAside): Promise<void> {
    const { replicationId } = this.#connection.requireStoreIdentity();
    const head = encodeHeartbeatHead({ ...this.#envelope(), setAside });
    // Sends the script's text, only four times a second. A hash that Redis does not know could change the order of messages.
    const pipeline = this.#connection.redis.pipeline();
    const args = [INVALIDATION_CHANNEL, head, watermark_ms, ownAge_ms, replicationId];
    pipeline.eval(scripts.heartbeat.text, 0, ...args);
    try {
      await lastAnswer(pipeline);
    } catch (error) {
      this.#connection.noticeRoleChange(error);
      throw error;
    }
  }

  async #invalidate(message: Announcement, run: RunInvalidateEach): Promise<Outcome[]> {
    const { keys } = message;
    const incarnation = this.#connection.requireIncarnation();
    const pipeline = this.#connection.redis.pipeline();
    for (let start = 0; start < keys.length; start += keysPerCall) {
      const some = keys.slice(start, start + keysPerCall);
      const versions = some.map(([, version]) => version);
      run(pipeline, some.length, ...some.map(([key]) => key), incarnation, timings.deadTtl_ms, ...versions);
    }
    this.#announce(pipeline, message);
    const answers = (await pipeline.exec()) ?? [];
    const failure = answers.find(([error]) => error !== null && !isForbidden(error))?.[0];
    if (failure) {
      this.#connection.noticeRoleChange(failure);
      throw failure;
    }
    const outcomes = answers.slice(0, -1).map(async ([error, ofEach], call) => {
      if (error === null) return (ofEach as Answer[]).map(outcomeOf);
      const some = keys.slice(call * keysPerCall, (call + 1) * keysPerCall);
      return this.#oneByOne({ ...message, keys: some }, run);
    });
    return (await Promise.all(outcomes)).flat();
  }

  /**
   * Redis refuses a whole call when its ACL forbids one of the keys. This gives each key a call of its own, in one trip. The keys
   * are announced again: the first time they were announced before they were invalidated.
   */
  async #oneByOne(message: Announcement, run: RunInvalidateEach): Promise<Outcome[]> {
    const incarnation = this.#connection.requireIncarnation();
    const pipeline = this.#connection.redis.pipeline();
    for (const [key, version] of message.keys)
      run(pipeline, 1, key, incarnation, timings.deadTtl_ms, version);
    this.#announce(pipeline, message);
    const answers = (await pipeline.exec()) ?? [];
    return answers.slice(0, -1).map(([error, ofEach]): Outcome => {
      if (error === null) return outcomeOf((ofEach as Answer[])[0] ?? 0);
      if (isForbidden(error)) return { status: 'rejected', reason: error };
      throw error;
    });
  }

  /**
   * Every message goes in a pipeline of its own, which ioredis writes at once. Commands that ioredis pipelines by itself
   * are written later, and a message that overtakes another looks like a lost one.
   */
  #announce(pipeline: ChainableCommander, message: Announcement): void {
    pipeline.publish(INVALIDATION_CHANNEL, encodeInvalidation({ ...this.#envelope(), ...message }));
  }

  #envelope() {
    const incarnation = this.#connection.requireIncarnation();
    this.#sequence += 1;
    return { publisher: this.#publisher, sequence: this.#sequence, incarnation };
  }
}

/** @throws the error that the last command of the pipeline was answered with */
async function lastAnswer(pipeline: ChainableCommander): Promise<void> {
  const [error] = (await pipeline.exec())?.at(-1) ?? [];
  if (error) throw error;
}

const outcomeOf = (answer: Answer): Outcome =>
  typeof answer === 'string'
    ? { status: 'rejected', reason: new Error(answer) }
    : { status: 'fulfilled', value: answer === 1 };

/** The ACL forbids a key. When it forbids a command or a channel, no key is to blame. */
const isForbidden = (error: Error): boolean => /^NOPERM.* key/.test(error.message);

/** Redis does nothing else during a call. One of this size takes a millisecond. */
const keysPerCall = 100;
