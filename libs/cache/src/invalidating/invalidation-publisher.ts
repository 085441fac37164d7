import { randomUUID } from 'node:crypto';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { timings } from '../timings.ts';
import type { ChainableCommander } from 'ioredis';
import { slotOf } from '@catalog/redis';
import { type CacheConnection, CacheUnavailable, isRedirect } from '../redis/cache-connection.ts';
import {
  encodeHeartbeatHead,
  encodeInvalidation,
  INVALIDATION_CHANNEL,
  type InvalidatedKey,
  type Invalidation,
  type SetAside,
} from '../channel/messages.ts';
import { scripts } from '../redis/scripts.ts';

/** Whether a live entry was invalidated, and in which incarnation; or why Redis refuses the key. */
export type Outcome =
  | { readonly status: 'fulfilled'; readonly value: boolean; readonly incarnation: string }
  | { readonly status: 'rejected'; readonly reason: Error };

/** What a publisher knows of the shard that it writes to. */
interface PublisherShard {
  /** The name of its channel. */
  readonly channel: string;
  /** Which slots it has, for heartbeats; undefined for a single server. */
  readonly slots: () => string | undefined;
}

const singleServer: PublisherShard = { channel: INVALIDATION_CHANNEL, slots: () => undefined };

/** The answer of `invalidate_each.lua` for one key. */
type Answer = 1 | 0 | string;
type Announcement = Pick<Invalidation, 'keys' | 'forget'>;
type RunInvalidateEach = (
  pipeline: ChainableCommander,
  keyCount: number,
  ...keysAndArgs: (string | number)[]
) => void;

/**
 * The worker's end of the invalidation channel of one shard. Every message takes the next number of one sequence, even if it
 * cannot be sent. So a lost message leaves a gap, and the readers notice it.
 */
export class InvalidationPublisher {
  readonly #connection: CacheConnection;
  readonly #shard: PublisherShard;
  readonly #publisher = randomUUID();
  #sequence = 0;

  constructor(connection: CacheConnection, shard = singleServer) {
    this.#connection = connection;
    this.#shard = shard;
  }

  /**
   * Invalidates keys in Redis and then announces them, in one trip: Redis runs the commands of a connection in order.
   *
   * @returns for each key whether a live entry was invalidated, or why Redis refuses it. All keys are announced. A shard also
   *   refuses keys whose slot is elsewhere or on its way (`isRedirect`).
   * @throws CacheUnavailable, and ioredis errors that concern every key: then some keys may be invalidated, and some announced.
   *   Also when the incarnation changed meanwhile: some keys may have been invalidated in the old one and some in the new one
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
    const incarnation = this.#connection.requireIncarnation();
    const outcomes = await this.#invalidateByHash(message);
    if (this.#connection.incarnation !== incarnation) {
      throw new CacheUnavailable('the incarnation of the cache changed during an invalidation');
    }
    return outcomes;
  }

  async #invalidateByHash(message: Announcement): Promise<Outcome[]> {
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
    const slots = this.#shard.slots();
    const head = encodeHeartbeatHead({ ...this.#envelope(), slots, setAside });
    // Sends the script's text, only four times a second. A hash that Redis does not know could change the order of messages.
    const pipeline = this.#connection.redis.pipeline();
    const args = [this.#shard.channel, head, watermark_ms, ownAge_ms, replicationId];
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
    const calls = this.#callsOf(keys);
    for (const call of calls) {
      const some = call.map(([, key]) => key);
      const versions = some.map(([, version]) => version);
      run(pipeline, some.length, ...some.map(([key]) => key), incarnation, timings.deadTtl_ms, ...versions);
    }
    this.#announce(pipeline, message);
    const answers = await this.#answersOf(pipeline);
    const outcomes: Outcome[] = Array.from(keys, () => unknownOutcome);
    await Promise.all(
      calls.map(async (call, index) => {
        const [error, ofEach] = answers[index] ?? [unknownOutcome.reason];
        const ofCall =
          error === null
            ? (ofEach as Answer[]).map((answer) => outcomeOf(answer, incarnation))
            : await this.#oneByOne({ ...message, keys: call.map(([, key]) => key) }, run);
        for (const [place, [position]] of call.entries())
          outcomes[position] = ofCall[place] ?? unknownOutcome;
      }),
    );
    return outcomes;
  }

  /** A call takes some keys, and a call of a shard takes keys of one slot. Each key has its position. */
  #callsOf(keys: readonly InvalidatedKey[]): (readonly [position: number, key: InvalidatedKey])[][] {
    const all = [...keys.entries()];
    const groups = this.#isShard ? Map.groupBy(all, ([, [key]]) => slotOf(key)).values() : [all];
    return [...groups].flatMap((group) =>
      Array.from({ length: Math.ceil(group.length / keysPerCall) }, (_, call) =>
        group.slice(call * keysPerCall, (call + 1) * keysPerCall),
      ),
    );
  }

  /** @throws errors that concern more than the keys of one call */
  async #answersOf(pipeline: ChainableCommander): Promise<[Error | null, unknown][]> {
    const answers = (await pipeline.exec()) ?? [];
    const concernsKeys = (error: Error) => isForbidden(error) || (this.#isShard && isRedirect(error));
    const failure = answers.find(([error]) => error !== null && !concernsKeys(error))?.[0];
    if (failure) {
      this.#connection.noticeRoleChange(failure);
      throw failure;
    }
    return answers;
  }

  get #isShard(): boolean {
    return this.#shard.channel !== INVALIDATION_CHANNEL;
  }

  /**
   * Redis refuses a whole call when its ACL forbids one of the keys, or when some of them have moved. This gives each key a call
   * of its own, in one trip. The keys are announced again: the first time they were announced before they were invalidated.
   */
  async #oneByOne(message: Announcement, run: RunInvalidateEach): Promise<Outcome[]> {
    const incarnation = this.#connection.requireIncarnation();
    const pipeline = this.#connection.redis.pipeline();
    for (const [key, version] of message.keys)
      run(pipeline, 1, key, incarnation, timings.deadTtl_ms, version);
    this.#announce(pipeline, message);
    const answers = await this.#answersOf(pipeline);
    return answers.slice(0, -1).map(([error, ofEach]): Outcome => {
      if (error !== null) return { status: 'rejected', reason: error };
      return outcomeOf((ofEach as Answer[])[0] ?? 0, incarnation);
    });
  }

  /**
   * Every message goes in a pipeline of its own, which ioredis writes at once. Commands that ioredis pipelines by itself
   * are written later, and a message that overtakes another looks like a lost one.
   */
  #announce(pipeline: ChainableCommander, message: Announcement): void {
    pipeline.publish(this.#shard.channel, encodeInvalidation({ ...this.#envelope(), ...message }));
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

const outcomeOf = (answer: Answer, incarnation: string): Outcome =>
  typeof answer === 'string'
    ? { status: 'rejected', reason: new Error(answer) }
    : { status: 'fulfilled', value: answer === 1, incarnation };

const unknownOutcome = { status: 'rejected', reason: new Error('Redis did not answer for the key') } as const;

/** Redis is full, cannot save, or follows another server. That passes, and no key is to blame. */
export const refusesEveryKey = ({ message }: Error): boolean =>
  /^(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|LOADING)\b/.test(message);

/** The ACL forbids a key. When it forbids a command or a channel, no key is to blame. */
const isForbidden = (error: Error): boolean => /^NOPERM.* key/.test(error.message);

/** Redis does nothing else during a call. One of this size takes a millisecond. */
const keysPerCall = 100;
