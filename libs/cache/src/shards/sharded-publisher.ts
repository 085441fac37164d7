import { pause } from '@catalog/runtime';
import type { InvalidatedKey } from '../channel/messages.ts';
import {
  type InvalidationPublisher,
  type Outcome,
  refusesEveryKey,
} from '../invalidating/invalidation-publisher.ts';
import { type CacheConnection, CacheUnavailable, isRedirect, ShardAway } from '../redis/cache-connection.ts';
import { type Shards, type ShardParts } from './shards.ts';

export interface WritableShard extends ShardParts {
  readonly connection: CacheConnection;
  readonly publisher: InvalidationPublisher;
  /** Whether it is connected, and answers. */
  readonly isThere: boolean;
  /** After a command without an answer, it is not there until it answers. Otherwise the changes of all shards would wait for it. */
  noteFailure(error: unknown): void;
}

type Announce = (publisher: InvalidationPublisher, keys: readonly InvalidatedKey[]) => Promise<Outcome[]>;

/** How often at most a key is sent to its shard. A new map may not have reached every node of the cluster yet. */
const attempts = 4;
/** The pause after the first attempt; the second pause is twice as long, and so on. Meanwhile the nodes learn of a moved slot. */
const betweenAttempts_ms = 25;

/**
 * Announces invalidations on the shards that hold the keys. A redirect is not followed: the map is learned, and then the key is
 * sent to its shard as any other. So each invalidation happens in the incarnation that it was meant for.
 */
export class ShardedPublisher {
  readonly #shards: Shards<WritableShard>;

  constructor(shards: Shards<WritableShard>) {
    this.#shards = shards;
  }

  /**
   * Invalidates keys and announces them, each on its shard.
   *
   * @returns as `InvalidationPublisher.invalidate`. A key whose shard is away is rejected with `ShardAway`, and fails no other.
   *   A key that is on its way from one shard to another is refused with a redirect
   * @throws as `InvalidationPublisher.invalidate`, where there is one server; CacheUnavailable where no shard is there
   */
  invalidate(keys: readonly InvalidatedKey[]): Promise<Outcome[]> {
    return this.#announce(keys, (publisher, some) => publisher.invalidate(some));
  }

  /**
   * As `InvalidationPublisher.forget`.
   *
   * @returns and throws as `invalidate`
   */
  forget(cacheKeys: readonly string[]): Promise<Outcome[]> {
    const keys = cacheKeys.map((cacheKey): InvalidatedKey => [cacheKey, 0]);
    return this.#announce(keys, (publisher, some) => publisher.forget(some.map(([cacheKey]) => cacheKey)));
  }

  /** As `InvalidationPublisher.forgetAll`, on each shard that is there. The near caches of others are silent. */
  async forgetAll(): Promise<void> {
    await Promise.all(this.#present().map(({ publisher }) => publisher.forgetAll()));
  }

  async #announce(keys: readonly InvalidatedKey[], announce: Announce): Promise<Outcome[]> {
    if (this.#shards.isSingle) return this.#onlyShard(keys, announce);
    if (this.#present().length === 0) throw new CacheUnavailable();
    const outcomes: Outcome[] = Array.from(keys, () => away());
    let open = [...keys.keys()];
    for (let attempt = 1; open.length > 0; attempt++) {
      await this.#announceOn(open, keys, announce, outcomes);
      open = open.filter((position) => isRedirected(outcomes[position]));
      if (open.length === 0 || attempt === attempts) break;
      await pause(betweenAttempts_ms * attempt);
      await this.#shards.learn();
    }
    for (const position of open) {
      const outcome = outcomes[position];
      if (outcome?.status === 'rejected' && !isOnItsWay(outcome.reason))
        outcomes[position] = away(outcome.reason);
    }
    return outcomes;
  }

  async #announceOn(
    open: readonly number[],
    keys: readonly InvalidatedKey[],
    announce: Announce,
    outcomes: Outcome[],
  ): Promise<void> {
    const byShard = Map.groupBy(open, (position) => this.#shards.of(keys[position]?.[0] ?? ''));
    await Promise.all(
      [...byShard].map(async ([shard, positions]) => {
        const some = positions.flatMap((position) => [keys[position] ?? (['', 0] as const)]);
        const ofShard = await outcomesOf(shard, some, announce);
        for (const [index, position] of positions.entries()) outcomes[position] = ofShard[index] ?? away();
      }),
    );
  }

  #onlyShard(keys: readonly InvalidatedKey[], announce: Announce): Promise<Outcome[]> {
    const [shard] = this.#shards.all;
    if (shard === undefined) throw new CacheUnavailable();
    return announce(shard.publisher, keys);
  }

  #present() {
    return this.#shards.all.filter(({ connection }) => connection.incarnation !== undefined);
  }
}

async function outcomesOf(
  shard: WritableShard | undefined,
  keys: readonly InvalidatedKey[],
  announce: Announce,
): Promise<Outcome[]> {
  if (!shard?.isThere) return keys.map(() => away());
  try {
    const outcomes = await announce(shard.publisher, keys);
    return outcomes.map((outcome) =>
      outcome.status === 'rejected' && refusesEveryKey(outcome.reason) ? away(outcome.reason) : outcome,
    );
  } catch (error) {
    shard.noteFailure(error);
    return keys.map(() => away(error));
  }
}

const away = (cause?: unknown): Outcome => ({ status: 'rejected', reason: new ShardAway({ cause }) });

const isRedirected = (outcome: Outcome | undefined): boolean =>
  outcome?.status === 'rejected' && isRedirect(outcome.reason);

/** No shard has the key at this moment, and none serves it. */
const isOnItsWay = ({ message }: Error): boolean => /^(?:ASK|TRYAGAIN)\b/.test(message);
