import { backoff, type Part, pause } from '@catalog/runtime';
import pgListen, { type Subscriber } from 'pg-listen';
import { feedTimings } from '../timings.ts';
import { closeSession, directConnection } from './direct-connection.ts';

const DOORBELL_CHANNEL = 'catalog_outbox';
const CANARY = 'canary ';

const reconnectDelay_ms = backoff({ first_ms: 20, most_ms: 1_000 });

export interface DoorbellListenerOptions {
  /** A direct connection: LISTEN does not work through a transaction pooler. */
  readonly databaseUrl: string;
  /** The doorbell rang, or the listener has just begun to listen: look in the outbox. */
  readonly onRing: () => void;
  /** The listener listens, for the first time or again. It has not heard earlier rings. */
  readonly onListening: () => void;
  readonly onError: (error: Error) => void;
}

/**
 * Hears the doorbell: LISTEN on its channel, supervised.
 *
 * pg-listen gives up for good after its retry timeout, and reports `connected` before it listens. A session can also be
 * deaf although its socket is fine: when it is half-open, or after an `UNLISTEN`. So the listener sends a canary, a
 * notification to itself, three times within `canary_ms`. When it does not hear the canary, it replaces the whole session.
 */
export class DoorbellListener implements Part {
  readonly #options: DoorbellListenerOptions;
  #isConnected = false;
  #heardCanary_ms = 0;
  #canary = '';
  #giveUp: ((reason: Error) => void) | undefined;

  constructor(options: DoorbellListenerOptions) {
    this.#options = options;
  }

  /** Whether the canary was heard recently. */
  get isListening(): boolean {
    return this.#isConnected && performance.now() - this.#heardCanary_ms < feedTimings.canary_ms;
  }

  /** Gives up the session: Postgres is in another incarnation, and this session may be on a server that all others have left. */
  replaceSession(): void {
    this.#giveUp?.(new Error('Postgres is in another incarnation'));
  }

  async run(signal: AbortSignal): Promise<void> {
    let closing: Promise<void> | undefined;
    for (let failures = 0; !signal.aborted;) {
      const subscriber = this.#subscriber();
      try {
        await this.#listen(subscriber, signal, () => {
          failures = 0;
        });
      } catch (error) {
        if (!signal.aborted) this.#options.onError(error instanceof Error ? error : new Error(String(error)));
      }
      this.#isConnected = false;
      // A half-open connection may never close. The next one does not wait for it.
      closing = closeSession(subscriber);
      failures += 1;
      await pause(reconnectDelay_ms(failures), signal);
    }
    await closing;
  }

  #subscriber(): Subscriber {
    return pgListen.default(
      { ...directConnection(this.#options.databaseUrl, 'doorbell'), query_timeout: feedTimings.canary_ms },
      // Only this class reconnects, because it must look in the outbox afterwards. With a limit of 1, pg-listen reports a lost
      // connection and does not retry.
      { parse: (payload: string) => payload, serialize: String, paranoidChecking: false, retryLimit: 1 },
    );
  }

  /** Listens until the session fails, and then rejects; or until the signal aborts. */
  async #listen(subscriber: Subscriber, signal: AbortSignal, onConnected: () => void): Promise<void> {
    const ended = Promise.withResolvers<never>();
    // Handled here too: the session may fail between two awaits.
    ended.promise.catch(() => undefined);
    this.#giveUp = ended.reject;
    const stop = () => ended.reject(new Error('the listener is stopping'));
    signal.addEventListener('abort', stop);
    subscriber.events.on('error', ended.reject);
    const heard = ({ payload }: { payload?: unknown }) => this.#heard(payload);
    subscriber.events.on('notification', heard);
    try {
      await Promise.race([subscriber.connect(), ended.promise]);
      // A standby refuses LISTEN.
      await Promise.race([subscriber.listenTo(DOORBELL_CHANNEL), ended.promise]);
      onConnected();
      this.#isConnected = true;
      this.#heardCanary_ms = performance.now();
      this.#options.onListening();
      this.#options.onRing();
      for (;;) {
        await Promise.race([pause(feedTimings.canary_ms / 3, signal), ended.promise]);
        if (performance.now() - this.#heardCanary_ms > feedTimings.canary_ms)
          throw new Error('the doorbell listener does not hear its own canary');
        this.#canary = `${CANARY}${Math.floor(Math.random() * 2 ** 32)}`;
        subscriber.notify(DOORBELL_CHANNEL, this.#canary).catch(ended.reject);
      }
    } finally {
      this.#giveUp = undefined;
      signal.removeEventListener('abort', stop);
      subscriber.events.removeListener('notification', heard);
    }
  }

  #heard(payload: unknown): void {
    if (payload === this.#canary) this.#heardCanary_ms = performance.now();
    // The canaries of other workers, and late ones, are no rings.
    else if (typeof payload !== 'string' || !payload.startsWith(CANARY)) this.#options.onRing();
  }
}
