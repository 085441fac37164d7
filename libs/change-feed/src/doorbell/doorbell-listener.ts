import pgListen, { type Subscriber } from 'pg-listen';
import { timings } from '@catalog/contracts';
import { directConnection, endAtOnce } from './direct-connection.ts';

const DOORBELL_CHANNEL = 'catalog_outbox';
const CANARY = 'canary ';

export interface DoorbellListenerOptions {
  /** A direct connection: LISTEN does not survive a transaction pooler. */
  readonly databaseUrl: string;
  /** Somebody rang, or the listener has just begun to listen: look in the outbox. */
  readonly onRing: () => void;
  /** The listener listens (again): what was rung before was not heard. */
  readonly onListening: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * LISTEN on the doorbell, supervised.
 *
 * pg-listen gives up for good after its retry timeout, and says `connected` before it listens. And a session
 * can be deaf while its socket is fine: half-open, or after an `UNLISTEN`. So this end rings the bell itself,
 * every now and then, with a canary, and when it does not hear that, replaces the whole session.
 */
export class DoorbellListener {
  readonly #options: DoorbellListenerOptions;
  #subscriber: Subscriber | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #heardCanary_ms = 0;
  #canary = 0;
  #attempt = 0;

  constructor(options: DoorbellListenerOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#connect();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    if (this.#subscriber !== undefined) await endAtOnce(this.#subscriber);
  }

  /** Whether the canary has been heard lately. */
  get isListening(): boolean {
    return this.#subscriber !== undefined && performance.now() - this.#heardCanary_ms < timings.canary_ms;
  }

  async #connect(): Promise<void> {
    const subscriber = pgListen.default(
      {
        ...directConnection(this.#options.databaseUrl, 'doorbell'),
        query_timeout: timings.canary_ms,
      },
      // Reconnecting is our business: one place that does it, and that looks in the outbox afterwards. With a limit
      // of 1 pg-listen reports the loss and tries nothing.
      { parse: (payload: string) => payload, serialize: String, paranoidChecking: false, retryLimit: 1 },
    );
    subscriber.events.on('error', (error) => this.#replace(subscriber, error));
    subscriber.events.on('notification', ({ payload }) => this.#heard(subscriber, payload));
    this.#subscriber = subscriber;
    try {
      await subscriber.connect();
      await subscriber.listenTo(DOORBELL_CHANNEL);
    } catch (error) {
      this.#replace(subscriber, error);
      return;
    }
    if (this.#subscriber !== subscriber || this.#stopped) return;
    this.#attempt = 0;
    this.#heardCanary_ms = performance.now();
    this.#options.onListening();
    this.#options.onRing();
    this.#singOrReplace(subscriber);
  }

  #heard(subscriber: Subscriber, payload: unknown): void {
    if (subscriber !== this.#subscriber) return;
    if (payload === `${CANARY}${this.#canary}`) this.#heardCanary_ms = performance.now();
    // Another worker's canary, or one that comes late, is nobody at the door.
    else if (typeof payload !== 'string' || !payload.startsWith(CANARY)) this.#options.onRing();
  }

  #singOrReplace(subscriber: Subscriber): void {
    this.#timer = setTimeout(() => {
      if (performance.now() - this.#heardCanary_ms > timings.canary_ms) {
        this.#replace(
          subscriber,
          new Error('the doorbell listener is deaf: it does not hear its own canary'),
        );
        return;
      }
      this.#canary = Math.floor(Math.random() * 2 ** 32);
      subscriber.notify(DOORBELL_CHANNEL, `${CANARY}${this.#canary}`).catch((error: unknown) => {
        this.#replace(subscriber, error);
      });
      this.#singOrReplace(subscriber);
    }, timings.canary_ms / 3);
  }

  #replace(subscriber: Subscriber, reason: unknown): void {
    if (subscriber !== this.#subscriber || this.#stopped) return;
    this.#subscriber = undefined;
    clearTimeout(this.#timer);
    this.#options.onError(reason instanceof Error ? reason : new Error(String(reason)));
    // A half-open connection may never close; nobody waits for it.
    void endAtOnce(subscriber);
    const wait_ms = Math.min(1_000, 20 * 2 ** this.#attempt);
    this.#attempt += 1;
    this.#timer = setTimeout(() => void this.#connect(), wait_ms);
  }
}
