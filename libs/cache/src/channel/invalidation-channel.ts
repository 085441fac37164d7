import { openRedis } from '@catalog/redis';
import { type Part, pause, reconnectDelay_ms, repeat } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import type { CacheConnection } from '../redis/cache-connection.ts';
import { timings } from '../timings.ts';
import type { Freshness } from './freshness.ts';
import { decodeMessage, INVALIDATION_CHANNEL, type InvalidatedKey } from './messages.ts';

export interface InvalidationChannelOptions {
  readonly url: string;
  readonly name: string;
  /** The name in Redis; that of a single server unless given. */
  readonly channel?: string;
  readonly connection: Pick<CacheConnection, 'relearn'>;
  readonly freshness: Freshness;
  readonly now: () => number;
  readonly onInvalidation: (keys: readonly InvalidatedKey[]) => void;
  /** Forget which versions of these keys, or of all keys, were served. Called after `onInvalidation`. */
  readonly onForget: (cacheKeys: readonly string[] | 'all') => void;
  /** Called when a worker says that this shard has other slots than in the map of this process. */
  readonly onOtherSlots?: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * The reader's end of the invalidation channel.
 *
 * How old is a message? Its arrival does not say that: while this process is paused, messages wait in the socket. So the
 * channel sends pings on the same connection. Redis answers in order, so a message that arrives after the answer to
 * a ping was published after that ping was sent. That moment is `sentAfter`. The message may be younger, never older.
 * No clock of another machine is read.
 */
export class InvalidationChannel implements Part {
  readonly #options: InvalidationChannelOptions;
  readonly #redis: Redis;
  #sentAfter_ms = Number.NEGATIVE_INFINITY;
  #pingSent_ms: number | undefined;

  constructor(options: InvalidationChannelOptions) {
    this.#options = options;
    this.#redis = openRedis(options.url, {
      connectionName: options.name,
      lazyConnect: true,
      autoResubscribe: false,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // A connection may be half-open from the beginning. Then Redis never answers INFO or SUBSCRIBE.
      commandTimeout: timings.heartbeatOverdue_ms,
      connectTimeout: 1_000,
      keepAlive: 5_000,
      retryStrategy: reconnectDelay_ms,
    });
    this.#redis.on('error', options.onError);
    this.#redis.on('ready', () => void this.#subscribe());
    this.#redis.on('close', () => this.#lost());
    this.#redis.on('message', (_channel: string, text: string) => this.#receive(text));
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // In the background: pings begin once the connection is there, and ioredis connects again after a failure.
    this.#redis.connect().catch(this.#options.onError);
    await repeat(async () => this.#ping(), {
      signal,
      every_ms: timings.heartbeat_ms,
      onError: (error) => this.#options.onError(error as Error),
    });
    await this.#close();
  }

  async #close(): Promise<void> {
    const ended = new AbortController();
    this.#redis.once('end', () => ended.abort());
    const isOpen = ['connecting', 'connect', 'ready'].includes(this.#redis.status);
    this.#redis.disconnect();
    // A half-open connection would never end by itself.
    this.#redis.stream?.destroy();
    if (isOpen) await pause(timings.heartbeatOverdue_ms, ended.signal);
  }

  async #subscribe(): Promise<void> {
    const sent_ms = this.#options.now();
    try {
      await this.#redis.subscribe(this.#options.channel ?? INVALIDATION_CHANNEL);
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
      // A connection that does not answer may be half-open, so it is replaced.
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
        // The connection is closing; `#lost` does the rest.
      },
    );
  }

  #receive(text: string): void {
    const message = decodeMessage(text);
    if (message === undefined) return;
    const { connection, freshness, onInvalidation, onForget } = this.#options;
    if ('keys' in message) {
      onInvalidation(message.keys);
      if (message.forget === 'all') onForget('all');
      else if (message.forget === 'keys') onForget(message.keys.map(([cacheKey]) => cacheKey));
    }
    const { otherIncarnation, otherSlots } = freshness.received(message, this.#sentAfter_ms);
    if (otherIncarnation) void connection.relearn();
    if (otherSlots) this.#options.onOtherSlots?.();
  }
}
