import { Redis } from 'ioredis';
import { timings } from '../timings.ts';
import type { CacheConnection } from '../redis/cache-connection.ts';
import type { Freshness } from './freshness.ts';
import { decodeMessage, INVALIDATION_CHANNEL, type InvalidatedKey } from './messages.ts';

export interface InvalidationChannelOptions {
  readonly url: string;
  readonly name: string;
  readonly connection: CacheConnection;
  readonly freshness: Freshness;
  readonly now: () => number;
  readonly onInvalidation: (keys: readonly InvalidatedKey[]) => void;
  readonly onError: (error: Error) => void;
}

/**
 * The reader's end of the invalidation channel.
 *
 * How old is a message? Its arrival says nothing, since it may have waited in a socket for as long as
 * this process was paused. So the channel is pinged on the same connection: answers come in order, hence a message
 * that arrives after the answer to a ping was published after that ping was sent. That moment, `sentAfter`, is the
 * latest that can be said of it, and errs on the safe side. No clock of another machine is read.
 */
export class InvalidationChannel {
  readonly #options: InvalidationChannelOptions;
  readonly #redis: Redis;
  #sentAfter_ms = Number.NEGATIVE_INFINITY;
  #pingSent_ms: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: InvalidationChannelOptions) {
    this.#options = options;
    this.#redis = new Redis(options.url, {
      connectionName: options.name,
      lazyConnect: true,
      autoResubscribe: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // A connection may be half-open from its beginning: then neither INFO nor SUBSCRIBE is ever answered.
      commandTimeout: timings.heartbeatOverdue_ms,
      connectTimeout: 1_000,
      keepAlive: 5_000,
      retryStrategy: (attempt) => Math.min(1_000, 25 * 2 ** Math.min(attempt, 6)),
    });
    this.#redis.on('error', options.onError);
    this.#redis.on('ready', () => void this.#subscribe());
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('message', (_channel: string, text: string) => this.#receive(text));
  }

  async start(): Promise<void> {
    await this.#redis.connect().catch(this.#options.onError);
    this.#timer = setInterval(() => this.#ping(), timings.heartbeat_ms);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#redis.disconnect();
  }

  async #subscribe(): Promise<void> {
    const sent_ms = this.#options.now();
    try {
      await this.#redis.subscribe(INVALIDATION_CHANNEL);
      this.#sentAfter_ms = sent_ms;
      this.#options.freshness.subscribed();
    } catch (error) {
      this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      this.#redis.disconnect(true);
    }
  }

  #lost(): void {
    this.#sentAfter_ms = Number.NEGATIVE_INFINITY;
    this.#pingSent_ms = undefined;
    this.#options.freshness.disconnected();
  }

  #ping(): void {
    if (this.#redis.status !== 'ready' || this.#sentAfter_ms === Number.NEGATIVE_INFINITY) return;
    const now = this.#options.now();
    if (this.#pingSent_ms !== undefined) {
      // A connection that does not answer may be half-open; another one will tell.
      if (now - this.#pingSent_ms > timings.heartbeatOverdue_ms) this.#redis.disconnect(true);
      return;
    }
    this.#pingSent_ms = now;
    const stream = this.#redis.stream;
    this.#redis.ping().then(
      () => {
        if (this.#redis.stream !== stream || this.#pingSent_ms === undefined) return;
        this.#sentAfter_ms = this.#pingSent_ms;
        this.#pingSent_ms = undefined;
      },
      () => {
        // The connection is closing, and #lost has been or will be called.
      },
    );
  }

  #receive(text: string): void {
    const message = decodeMessage(text);
    if (message === undefined) return;
    const { connection, freshness, onInvalidation } = this.#options;
    if ('keys' in message) onInvalidation(message.keys);
    const { otherIncarnation } = freshness.received(message, this.#sentAfter_ms);
    if (otherIncarnation) void connection.relearn();
  }
}
