import { createHash } from 'node:crypto';
import { pause } from '@catalog/runtime';
import { channelOf } from '../channel/messages.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { type CacheBreaker, createCacheBreaker } from '../redis/cache-breaker.ts';
import {
  CacheConnection,
  type CacheConnectionOptions,
  CacheUnavailable,
  isRedirect,
  ShardAway,
} from '../redis/cache-connection.ts';
import { EntryStore, type StoredEntry } from '../redis/entry-store.ts';
import { DatabaseListeners } from './database-listeners.ts';
import { noShard } from './no-shard.ts';
import type { FillShard, Router } from './router.ts';
import { ShardedPublisher, type WritableShard } from './sharded-publisher.ts';
import { type ShardPlace, Shards } from './shards.ts';

type WorkerCacheOptions = Omit<CacheConnectionOptions, 'onTopologyDoubt'>;

/** A shard that hangs holds up the changes of all shards for this time, once. It is a quarter of the bound. */
const shardCall_ms = 500;

/** What the worker has of one server of the cache. */
export class WorkerShard implements WritableShard, FillShard {
  readonly connection: CacheConnection;
  readonly store: EntryStore;
  readonly breaker: CacheBreaker = createCacheBreaker();
  readonly publisher: InvalidationPublisher;
  /** The last one that was known. It stays while the shard is away. */
  lastIncarnation: string | undefined;
  #isHanging = false;
  readonly #slots: () => string | undefined;
  readonly #database: ReturnType<DatabaseListeners['open']>;

  constructor(
    { url, id, slots, onTopologyDoubt }: ShardPlace,
    { database, ...options }: Omit<WorkerCacheOptions, 'database'> & { readonly database: DatabaseListeners },
  ) {
    this.#slots = slots;
    this.#database = database.open();
    this.connection = new CacheConnection({
      ...options,
      url,
      database: this.#database,
      ...(onTopologyDoubt !== undefined && { onTopologyDoubt, call_ms: shardCall_ms }),
    });
    this.connection.onIncarnation((incarnation) => {
      this.lastIncarnation = incarnation ?? this.lastIncarnation;
    });
    this.store = new EntryStore(this.connection);
    this.publisher = new InvalidationPublisher(this.connection, { channel: channelOf(id), slots });
  }

  /**
   * Names the time in which the shard keeps its incarnation and its slots. Of a single server it is the incarnation. Undefined until
   * an incarnation is known.
   */
  get phase(): string | undefined {
    const slots = this.#slots();
    if (slots === undefined || this.lastIncarnation === undefined) return this.lastIncarnation;
    return shortHash(`${this.lastIncarnation} ${slots}`);
  }

  get isThere(): boolean {
    return this.connection.incarnation !== undefined && !this.#isHanging;
  }

  noteFailure(error: unknown): void {
    if (this.#isHanging || !(error instanceof Error) || error.message !== 'Command timed out') return;
    this.#isHanging = true;
    void this.#untilItAnswers();
  }

  /** Or until the connection is closed, because it leaves this command unanswered, too. */
  async #untilItAnswers(): Promise<void> {
    while (this.connection.incarnation !== undefined) {
      const answer = await this.connection.time_ms().catch(() => undefined);
      if (answer !== undefined) break;
      await pause(betweenAttempts_ms);
    }
    this.#isHanging = false;
  }

  start(): Promise<void> {
    return this.connection.start();
  }

  async stop(): Promise<void> {
    this.#database.close();
    this.connection.stop();
  }
}

/** How often a call is sent to the shard of its key. */
const attempts = 4;
const betweenAttempts_ms = 25;

/**
 * The cache as the worker writes it: one server, or the shards of a cluster.
 *
 * It has one incarnation. For a single server this is the incarnation of its connection. For a cluster it names the map of
 * slots and the incarnation of each shard. While a shard is away, it keeps the last incarnation of that shard, so that nothing
 * begins anew for the others.
 */
export class WorkerCache implements Router<FillShard> {
  readonly shards: Shards<WorkerShard>;
  readonly publisher: ShardedPublisher;
  readonly #nowhere = noShard(() => performance.now());
  readonly #listeners: ((incarnation: string | undefined) => void)[] = [];
  #incarnation: string | undefined;

  constructor({ database, ...options }: WorkerCacheOptions) {
    const listeners = new DatabaseListeners(database);
    this.shards = new Shards({
      ...options,
      open: (place) => {
        const shard = new WorkerShard(place, { ...options, database: listeners });
        shard.connection.onIncarnation(() => this.#noteChange());
        shard.connection.onDatabaseIncarnation(() => {
          for (const other of this.shards.all) if (other !== shard) void other.connection.relearn();
        });
        return shard;
      },
    });
    this.shards.onChange(() => this.#noteChange());
    this.publisher = new ShardedPublisher(this.shards);
  }

  /** Undefined while no shard is there. */
  get incarnation(): string | undefined {
    return this.#incarnation;
  }

  /** Those of the shards. Changes that were applied to others have to be applied again. */
  get incarnations(): readonly string[] {
    return this.shards.all.flatMap(({ lastIncarnation }) => lastIncarnation ?? []);
  }

  /** Those of the shards, in the same order. */
  get phases(): readonly string[] {
    return this.shards.all.flatMap(({ phase }) => phase ?? []);
  }

  /** Grows with each change of the map of slots; 0 for a single server. */
  get mapAge(): number {
    return this.shards.topologyAge;
  }

  /** Whether the incarnation of each shard is known. */
  get isComplete(): boolean {
    return this.shards.all.every(({ lastIncarnation }) => lastIncarnation !== undefined);
  }

  /** Of Postgres. Undefined while the shards that are there have not all learned the same one. */
  get databaseIncarnation(): string | undefined {
    const [first, ...others] = new Set(this.present.map(({ connection }) => connection.databaseIncarnation));
    return others.length === 0 ? first : undefined;
  }

  /** The shards that are there, and answer. */
  get present(): readonly WorkerShard[] {
    return this.shards.all.filter(({ isThere }) => isThere);
  }

  get all(): readonly FillShard[] {
    return this.shards.all;
  }

  of(cacheKey: string): FillShard {
    return this.shards.of(cacheKey) ?? this.#nowhere;
  }

  onIncarnation(listener: (incarnation: string | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** @throws CacheUnavailable */
  requireIncarnation(): string {
    if (this.#incarnation === undefined) throw new CacheUnavailable();
    return this.#incarnation;
  }

  /** Asks the cluster and all stores again. */
  async relearn(): Promise<void> {
    await this.shards.learn();
    await Promise.all(this.shards.all.map(({ connection }) => connection.relearn()));
  }

  /** As `EntryStore.peek`. */
  peek(cacheKey: string): Promise<StoredEntry | 'absent' | 'unreadable'> {
    return this.of(cacheKey).store.peek(cacheKey);
  }

  /**
   * Runs a call on the shard of a key, and again if the slot of the key was elsewhere.
   *
   * @throws what the call throws; ShardAway in a cluster where the shard cannot be asked
   */
  async onShard<T>(cacheKey: string, call: (connection: CacheConnection) => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      const shard = this.shards.of(cacheKey);
      if (shard === undefined || !(shard.isThere || this.shards.isSingle)) throw new ShardAway();
      try {
        return await call(shard.connection);
      } catch (error) {
        shard.connection.noticeRoleChange(error);
        if (this.shards.isSingle) throw error;
        shard.noteFailure(error);
        if (!isRedirect(error) || attempt === attempts) throw new ShardAway({ cause: error });
        await pause(betweenAttempts_ms * attempt);
        await this.shards.learn();
      }
    }
  }

  start(): Promise<void> {
    return this.shards.start();
  }

  stop(): Promise<void> {
    return this.shards.stop();
  }

  #noteChange(): void {
    const incarnation = this.#currentIncarnation();
    if (incarnation === this.#incarnation) return;
    this.#incarnation = incarnation;
    for (const listener of this.#listeners) listener(incarnation);
  }

  #currentIncarnation(): string | undefined {
    const { all, topology, isSingle } = this.shards;
    if (isSingle) return all[0]?.connection.incarnation;
    if (topology === undefined || all.every(({ connection }) => connection.incarnation === undefined))
      return undefined;
    const ofShards = all.map(({ lastIncarnation }) => lastIncarnation ?? '-');
    return shortHash([topology, ...ofShards].join(' '));
  }
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
