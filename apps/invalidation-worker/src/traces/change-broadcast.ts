import type { ChangeTrace } from '@catalog/contracts';
import { type Part, untilAborted } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import { closeRedis } from '../state-redis.ts';

/** Changes of one acknowledgement that streams show. A person could not follow more. */
const mostStreamedChanges = 100;

/** A channel of the state Redis. Every worker publishes its changes there, so that each worker can stream the changes of all. */
const CHANNEL = 'changes';

/** After a message without a listener, nothing is published for this long, so that an unwatched feed is not slowed down. */
const silence_ms = 1_000;

export type ChangeEvent =
  | { readonly kind: 'applied'; readonly trace: ChangeTrace }
  | { readonly kind: 'refreshed'; readonly seq: number; readonly refreshedAt: string }
  /** How many more were applied at the same time. `GET /v1/changes?key=` shows each of them. */
  | { readonly kind: 'more'; readonly count: number };

interface ChangeBroadcastOptions {
  readonly producer: Pick<Redis, 'publish'>;
  /** Opens a connection, which subscribing makes useless for other commands. */
  readonly connectSubscriber: () => Redis;
  readonly onError: (error: unknown) => void;
}

/** Tells the listeners of all workers what happens to changes, as it happens. It keeps nothing, and does not wait for listeners. */
export class ChangeBroadcast implements Part {
  readonly #options: ChangeBroadcastOptions;
  readonly #listeners = new Set<(events: readonly ChangeEvent[]) => void>();
  #subscriber: Redis | undefined;
  #silentUntil_ms = 0;

  constructor(options: ChangeBroadcastOptions) {
    this.#options = options;
  }

  /** How many traces the next `applied` can use. */
  get wanted(): number {
    return performance.now() < this.#silentUntil_ms ? 0 : mostStreamedChanges;
  }

  applied(traces: readonly ChangeTrace[], count: number): void {
    if (traces.length === 0) return;
    const events: ChangeEvent[] = traces.map((trace) => ({ kind: 'applied', trace }));
    if (count > traces.length) events.push({ kind: 'more', count: count - traces.length });
    this.#publish(events);
  }

  refreshed(refreshed: readonly { seq: number; refreshedAt: string }[]): void {
    if (refreshed.length === 0 || this.wanted === 0) return;
    this.#publish(
      refreshed
        .slice(0, mostStreamedChanges)
        .map(({ seq, refreshedAt }) => ({ kind: 'refreshed', seq, refreshedAt })),
    );
  }

  /** @returns a function that removes the listener */
  listen(listener: (events: readonly ChangeEvent[]) => void): () => void {
    this.#listeners.add(listener);
    this.#subscriber ??= this.#subscribe();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) void this.#unsubscribe();
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal);
    await this.#unsubscribe();
  }

  async #unsubscribe(): Promise<void> {
    const subscriber = this.#subscriber;
    this.#subscriber = undefined;
    if (subscriber !== undefined) await closeRedis(subscriber);
  }

  #subscribe(): Redis {
    const subscriber = this.#options.connectSubscriber();
    subscriber.on('message', (_channel: string, text: string) => {
      const events = JSON.parse(text) as ChangeEvent[];
      for (const listener of this.#listeners) listener(events);
    });
    subscriber.subscribe(CHANNEL).catch(this.#options.onError);
    return subscriber;
  }

  #publish(events: readonly ChangeEvent[]): void {
    this.#options.producer.publish(CHANNEL, JSON.stringify(events)).then(
      (receivers) => {
        this.#silentUntil_ms = receivers === 0 ? performance.now() + silence_ms : 0;
      },
      () => {
        this.#silentUntil_ms = performance.now() + silence_ms;
      },
    );
  }
}
