import { createHash } from 'node:crypto';
import { openRedis } from '@catalog/redis';
import { reconnectDelay_ms } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import { timings } from '../timings.ts';
import { closeWhenSilent } from './close-when-silent.ts';
import { encodeCommand, type Reply, sendTogether } from './send-together.ts';

/** The cache cannot be asked: Redis is away, or its incarnation is not known yet. */
export class CacheUnavailable extends Error {
  override readonly name = 'CacheUnavailable';

  constructor(
    message = 'the cache Redis is away, or its incarnation is not known yet',
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The shard of a key cannot be written to: it is away, or full, or the key has no shard. The other shards can. */
export class ShardAway extends CacheUnavailable {
  constructor(options?: ErrorOptions) {
    super('the shard of the key is away', options);
  }
}

/** What Redis held under many keys at one moment. */
export interface ManyRead {
  readonly values: readonly (Buffer | null)[];
  /** The clock of Redis, after the reads. */
  readonly now_ms: number;
  /** The replication id of the server, after the reads. */
  readonly replicationId: string | undefined;
}

/** Keys in one MGET: less than a millisecond, in which Redis does nothing else. */
const keysInRead = 256;

/** A node of a cluster says that the slot of a key is elsewhere, or on its way, or that the cluster is not complete. */
export const isRedirect = (error: unknown): error is Error =>
  error instanceof Error && /^(?:MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.test(error.message);

type Values = readonly (Buffer | null)[];

const time = encodeCommand('time');
const replication = encodeCommand('info', 'replication');

function mgets(keys: readonly string[]): string[] {
  const commands: string[] = [];
  for (let from = 0; from < keys.length; from += keysInRead)
    commands.push(encodeCommand('mget', ...keys.slice(from, from + keysInRead)));
  return commands;
}

/** @throws if the reply is an error */
function answerIn(reply: Reply | undefined): Exclude<Reply, Error> {
  if (reply instanceof Error) throw reply;
  return reply ?? null;
}

function momentOf(
  [seconds, microseconds]: readonly Buffer[],
  info: Buffer,
): Pick<ManyRead, 'now_ms' | 'replicationId'> {
  return {
    now_ms: Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000),
    replicationId: /^master_replid:(\S+)/m.exec(info.toString('latin1'))?.[1],
  };
}

/** Which stores a connection leads to. */
export interface StoreIdentity {
  readonly incarnation: string;
  /** The incarnation of Postgres. */
  readonly database: string;
  /** The master_replid of the cache Redis. Its scripts compare it to detect that the incarnation has changed. */
  readonly replicationId: string;
}

/** Tells the incarnations of Postgres apart. Another one begins when Postgres has gone back, or may have. */
export interface DatabaseIncarnations {
  /** The one that Postgres is in now. */
  currentIncarnation(): Promise<string>;
  /** Calls the listener when Postgres is found in another one. */
  onIncarnation?(listener: (found: { readonly incarnation: string }) => void): void;
}

export interface CacheConnectionOptions {
  readonly url: string;
  readonly name: string;
  /** A `ServicePool`. */
  readonly database: DatabaseIncarnations;
  /** `replication-only` for a Redis that hides `INFO server`. Then a restart from an old dump goes unnoticed. */
  readonly incarnationMode?: 'full' | 'replication-only';
  /** How long a command may take; `timings.cacheCall_ms` unless set. */
  readonly call_ms?: number;
  /**
   * Set for a shard of a cluster. Called when the shard may have lost slots, or may not be a master any more. `isSure`: the
   * shard itself said so.
   */
  readonly onTopologyDoubt?: (isSure: boolean) => void;
  readonly onError: (error: Error) => void;
}

/**
 * A connection to the cache Redis, and the incarnation of the stores behind it.
 *
 * An entry is valid only within one incarnation. So the connection learns the incarnation before it sends any command,
 * forgets it when it closes, and learns it again when a command fails because the server changed its role or
 * incarnation (`READONLY`, `MOVED`, `OTHERINCARNATION`), or when a heartbeat names another one.
 *
 * ioredis must not send a command of an old connection on a new one, where another server may answer: it queues
 * nothing, and it resends nothing.
 */
export class CacheConnection {
  readonly redis: Redis;
  readonly #options: CacheConnectionOptions;
  #identity: StoreIdentity | undefined;
  #learning: Promise<void> | undefined;
  #listeners: ((incarnation: string | undefined) => void)[] = [];
  #database: string | undefined;
  #databaseListeners: ((incarnation: string) => void)[] = [];
  #databaseMayHaveGoneBack = false;

  constructor(options: CacheConnectionOptions) {
    this.#options = options;
    this.redis = openRedis(options.url, {
      connectionName: options.name,
      lazyConnect: true,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.call_ms ?? timings.cacheCall_ms,
      connectTimeout: 1_000,
      keepAlive: 5_000,
      retryStrategy: reconnectDelay_ms,
    });
    closeWhenSilent(this.redis, timings.cacheSilence_ms);
    this.redis.on('error', options.onError);
    this.redis.on('ready', () => void this.relearn());
    this.redis.on('close', () => {
      this.#setIdentity(undefined);
      options.onTopologyDoubt?.(false);
    });
    options.database.onIncarnation?.(({ incarnation }) => {
      this.#noteDatabase(incarnation);
      void this.relearn();
    });
  }

  /** Begins to connect. Resolves when the first attempt has ended, whether or not it succeeded. */
  async start(): Promise<void> {
    await this.redis.connect().catch(this.#options.onError);
    await this.#learning;
  }

  stop(): void {
    this.redis.disconnect();
  }

  /** The incarnation that commands go to; undefined while it is unknown. */
  get incarnation(): string | undefined {
    return this.#identity?.incarnation;
  }

  /** The incarnation of Postgres, which is part of `incarnation`; undefined while that is unknown. */
  get databaseIncarnation(): string | undefined {
    return this.#identity?.database;
  }

  /** Postgres went back since the incarnation was last known. What Redis holds may have been lost in Postgres. */
  get databaseMayHaveGoneBack(): boolean {
    return this.#databaseMayHaveGoneBack;
  }

  /** Calls back when Postgres is in another incarnation, even while Redis is away. Versions served earlier do not count. */
  onDatabaseIncarnation(listener: (incarnation: string) => void): void {
    this.#databaseListeners.push(listener);
  }

  onIncarnation(listener: (incarnation: string | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** @throws CacheUnavailable */
  requireIncarnation(): string {
    return this.requireStoreIdentity().incarnation;
  }

  /** @throws CacheUnavailable */
  requireStoreIdentity(): StoreIdentity {
    if (this.#identity === undefined) throw new CacheUnavailable();
    return this.#identity;
  }

  /** Asks the stores for their incarnation again. Until they answer, the former one counts. */
  relearn(): Promise<void> {
    this.#learning ??= this.#learn().finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  /** Call this for every failed command: some failures show that the server has another role, incarnation or slots now. */
  noticeRoleChange(error: unknown): void {
    const { onTopologyDoubt } = this.#options;
    if (onTopologyDoubt !== undefined && isRedirect(error)) {
      // One slot has moved. The others are served as before.
      onTopologyDoubt(true);
      return;
    }
    const isRoleChange = /^(?:READONLY|MOVED|UNBLOCKED|MASTERDOWN|OTHERINCARNATION)/;
    if (error instanceof Error && isRoleChange.test(error.message)) {
      this.#setIdentity(undefined);
      void this.relearn();
    }
  }

  /** The clock of the cache Redis, in milliseconds. */
  async time_ms(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  /**
   * Reads many strings with one write: MGET, then TIME, then INFO. Redis answers in order, so the replication id belongs
   * to a moment after the reads. A key with another type counts as missing.
   *
   * A shard gets a GET for each key instead, because MGET takes keys of one slot only. A key that the shard does not answer
   * counts as missing, for instance because its slot has moved.
   *
   * @throws ioredis errors
   */
  async readMany(keys: readonly string[]): Promise<ManyRead> {
    const isShard = this.#options.onTopologyDoubt !== undefined;
    const reads = isShard ? keys.map((key) => encodeCommand('get', key)) : mgets(keys);
    const replies = await sendTogether(this.redis, [...reads, time, replication]);
    const values = replies.slice(0, reads.length);
    return {
      values: isShard
        ? values.map((value) => this.#valueIn(value))
        : values.flatMap((value) => answerIn(value) as Values),
      ...momentOf(answerIn(replies.at(-2)) as Buffer[], answerIn(replies.at(-1)) as Buffer),
    };
  }

  #valueIn(reply: Reply): Buffer | null {
    if (isRedirect(reply)) this.noticeRoleChange(reply);
    return Buffer.isBuffer(reply) ? reply : null;
  }

  async #learn(): Promise<void> {
    const stream = this.redis.stream;
    try {
      const [info, database] = await Promise.all([
        this.redis.info('everything'),
        this.#options.database.currentIncarnation(),
      ]);
      this.#noteDatabase(database);
      if (this.redis.stream !== stream) {
        // The connection was replaced meanwhile, and its 'ready' joined this call instead of starting its own.
        this.#relearnSoon();
      } else if (this.redis.status === 'ready') this.#setIdentity(this.#identityOf(info, database));
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      // The connection is open, but Postgres or INFO did not answer.
      this.#relearnSoon();
    }
  }

  #relearnSoon(): void {
    if (this.redis.status !== 'ready') return;
    setTimeout(() => void this.relearn(), timings.heartbeat_ms).unref();
  }

  #identityOf(info: string, database: string): StoreIdentity {
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    if (this.#options.onTopologyDoubt !== undefined && field('role') !== 'master') {
      throw new Error('a shard of the cache Redis is not a master any more');
    }
    const mode = this.#options.incarnationMode ?? 'full';
    const runId = mode === 'full' ? field('run_id') : '-';
    const replicationId = field('master_replid');
    if (runId === undefined || replicationId === undefined) {
      throw new Error(
        'the cache Redis hides run_id or master_replid in INFO, so its incarnation is unknown. ' +
          'If it hides only run_id, set CACHE_INCARNATION_MODE=replication-only',
      );
    }
    const hash = createHash('sha256').update(`${runId} ${replicationId} ${database}`).digest('hex');
    return { incarnation: hash.slice(0, 16), database, replicationId };
  }

  #noteDatabase(incarnation: string): void {
    const before = this.#database;
    this.#database = incarnation;
    if (before === undefined || before === incarnation) return;
    // At once: until Redis has answered, no entry of Redis or the near cache may be served or noted as served.
    this.#setIdentity(undefined);
    this.#databaseMayHaveGoneBack = true;
    for (const listener of this.#databaseListeners) listener(incarnation);
  }

  #setIdentity(identity: StoreIdentity | undefined): void {
    if (identity !== undefined) this.#databaseMayHaveGoneBack = false;
    if (identity?.incarnation === this.incarnation) return;
    this.#identity = identity;
    for (const listener of this.#listeners) listener(identity?.incarnation);
  }
}
