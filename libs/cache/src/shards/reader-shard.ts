import { type RunningPart, startPart } from '@catalog/runtime';
import { Freshness } from '../channel/freshness.ts';
import { InvalidationChannel } from '../channel/invalidation-channel.ts';
import { channelOf, type InvalidatedKey } from '../channel/messages.ts';
import type { ReadWaves } from '../reading/read-waves.ts';
import { TurnReads } from '../reading/turn-reads.ts';
import { createCacheBreaker } from '../redis/cache-breaker.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import { EntryStore } from '../redis/entry-store.ts';
import type { DatabaseListeners } from './database-listeners.ts';
import type { ReadShard } from './router.ts';
import type { ShardParts, ShardPlace } from './shards.ts';

interface ReaderShardOptions {
  readonly name: string;
  readonly database: DatabaseListeners;
  readonly incarnationMode?: 'full' | 'replication-only';
  readonly now: () => number;
  /** Of all shards. */
  readonly waves: ReadWaves;
  readonly onInvalidation: (keys: readonly InvalidatedKey[]) => void;
  readonly onForget: (cacheKeys: readonly string[] | 'all') => void;
  readonly onOtherSlots: () => void;
  readonly onStop: () => void;
  readonly onError: (error: unknown) => void;
}

/** What a reader has of one server of the cache: its connections, and how far it may trust what the server holds. */
export class ReaderShard implements ReadShard, ShardParts {
  readonly connection: CacheConnection;
  readonly freshness: Freshness;
  readonly store: EntryStore;
  readonly breaker = createCacheBreaker();
  readonly reads: TurnReads;
  readonly #channel: InvalidationChannel;
  readonly #onStop: () => void;
  readonly #database: ReturnType<DatabaseListeners['open']>;
  #running: RunningPart | undefined;

  constructor({ url, id, slots, onTopologyDoubt }: ShardPlace, options: ReaderShardOptions) {
    const { name, incarnationMode, now, onError } = options;
    this.#onStop = options.onStop;
    this.#database = options.database.open();
    this.connection = new CacheConnection({
      url,
      name,
      database: this.#database,
      ...(incarnationMode !== undefined && { incarnationMode }),
      ...(onTopologyDoubt !== undefined && { onTopologyDoubt }),
      onError,
    });
    this.freshness = new Freshness(now, () => this.connection.incarnation, slots);
    this.store = new EntryStore(this.connection);
    this.reads = new TurnReads(this, options.waves);
    this.#channel = new InvalidationChannel({
      url,
      name: `${name} channel`,
      channel: channelOf(id),
      connection: this.connection,
      freshness: this.freshness,
      now,
      onInvalidation: options.onInvalidation,
      onForget: options.onForget,
      onOtherSlots: options.onOtherSlots,
      onError,
    });
  }

  async start(): Promise<void> {
    this.#running ??= startPart(this.#channel);
    await this.connection.start();
  }

  async stop(): Promise<void> {
    this.#onStop();
    this.#database.close();
    this.connection.stop();
    await this.#running?.stop();
    this.#running = undefined;
  }

  slotsChanged(): void {
    this.freshness.slotsChanged();
  }
}
