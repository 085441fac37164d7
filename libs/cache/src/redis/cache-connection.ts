import { createHash } from 'node:crypto';
import { Redis } from 'ioredis';
import { timings } from '../timings.ts';

/** The cache cannot be asked: Redis is away, or its incarnation is not known yet. */
export class CacheUnavailable extends Error {
  override readonly name = 'CacheUnavailable';

  constructor(message = 'the cache Redis is away, or its incarnation is not known yet') {
    super(message);
  }
}

/** One life of the stores behind a connection. */
export interface Life {
  readonly incarnation: string;
  /** The master_replid of the cache Redis in it, by which its scripts know whether it still lives it. */
  readonly replication: string;
}

export interface CacheConnectionOptions {
  readonly url: string;
  readonly name: string;
  /** Which life of Postgres this is: its timeline and database. */
  readonly databaseIdentity: () => Promise<string>;
  /** `replication-only` for servers that hide INFO server; then a restart from an old dump goes unseen. */
  readonly incarnationMode?: 'full' | 'replication-only';
  /** How long a command may take; `timings.cacheCall_ms` unless said otherwise. */
  readonly call_ms?: number;
  readonly onError: (error: Error) => void;
}

/**
 * A connection to the cache Redis, and the incarnation of the stores behind it.
 *
 * Entries are only valid within one incarnation, so it is learned before any command on a connection,
 * forgotten when the connection closes, and learned again when a command meets another role or another life
 * (`READONLY`, `MOVED`, `OTHERLIFE`) or a heartbeat names another. Two settings keep ioredis from sending commands of an
 * old connection on a new one, to a server that may live another life: nothing is queued, nothing is resent.
 */
export class CacheConnection {
  readonly redis: Redis;
  readonly #options: CacheConnectionOptions;
  #life: Life | undefined;
  #learning: Promise<void> | undefined;
  #listeners: ((incarnation: string | undefined) => void)[] = [];

  constructor(options: CacheConnectionOptions) {
    this.#options = options;
    this.redis = new Redis(options.url, {
      connectionName: options.name,
      lazyConnect: true,
      enableAutoPipelining: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: options.call_ms ?? timings.cacheCall_ms,
      socketTimeout: timings.cacheSilence_ms,
      connectTimeout: 1_000,
      keepAlive: 5_000,
      // At most a second, so that a cache that is back is used again at once.
      retryStrategy: (attempt) => Math.min(1_000, 25 * 2 ** Math.min(attempt, 6)),
    });
    this.redis.on('error', options.onError);
    this.redis.on('ready', () => void this.relearn());
    this.redis.on('close', () => this.#become(undefined));
  }

  /** Begins to connect, and returns when the first attempt has ended, well or not. */
  async start(): Promise<void> {
    await this.redis.connect().catch(this.#options.onError);
    await this.#learning;
  }

  stop(): void {
    this.redis.disconnect();
  }

  /** The life of the stores that commands go to; undefined while that is unknown. */
  get incarnation(): string | undefined {
    return this.#life?.incarnation;
  }

  onIncarnation(listener: (incarnation: string | undefined) => void): void {
    this.#listeners.push(listener);
  }

  /** @throws CacheUnavailable */
  requireIncarnation(): string {
    return this.requireLife().incarnation;
  }

  /** @throws CacheUnavailable */
  requireLife(): Life {
    if (this.#life === undefined) throw new CacheUnavailable();
    return this.#life;
  }

  /** Asks again which life this is. Until the answer is there, the former one holds. */
  relearn(): Promise<void> {
    this.#learning ??= this.#learn().finally(() => {
      this.#learning = undefined;
    });
    return this.#learning;
  }

  /** Commands that fail because the server has changed its role, or its life, say that its life has changed. */
  noticeRoleChange(error: unknown): void {
    if (error instanceof Error && /^(?:READONLY|MOVED|UNBLOCKED|MASTERDOWN|OTHERLIFE)/.test(error.message)) {
      this.#become(undefined);
      void this.relearn();
    }
  }

  /** This server's clock, in milliseconds. */
  async time_ms(): Promise<number> {
    const [seconds, microseconds] = await this.redis.time();
    return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
  }

  async #learn(): Promise<void> {
    const stream = this.redis.stream;
    try {
      const [info, database] = await Promise.all([
        this.redis.info('everything'),
        this.#options.databaseIdentity(),
      ]);
      if (this.redis.stream !== stream) {
        // Another connection has begun meanwhile, and was told to wait for this answer.
        this.#relearnSoon();
      } else if (this.redis.status === 'ready') this.#become(this.#lifeOf(info, database));
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      // The connection stands, but Postgres or INFO did not answer.
      this.#relearnSoon();
    }
  }

  #relearnSoon(): void {
    if (this.redis.status !== 'ready') return;
    setTimeout(() => void this.relearn(), timings.heartbeat_ms).unref();
  }

  #lifeOf(info: string, database: string): Life {
    const field = (name: string) => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
    const mode = this.#options.incarnationMode ?? 'full';
    const runId = mode === 'full' ? field('run_id') : '-';
    const replication = field('master_replid');
    if (runId === undefined || replication === undefined) {
      throw new Error(
        'the cache Redis hides INFO, so its lives cannot be told apart; set the mode replication-only',
      );
    }
    const hash = createHash('sha256').update(`${runId} ${replication} ${database}`).digest('hex');
    return { incarnation: hash.slice(0, 16), replication };
  }

  #become(life: Life | undefined): void {
    if (life?.incarnation === this.incarnation) return;
    this.#life = life;
    for (const listener of this.#listeners) listener(life?.incarnation);
  }
}
