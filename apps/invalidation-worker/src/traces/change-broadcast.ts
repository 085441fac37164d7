import { type ChangeTrace, limits } from '@catalog/contracts';
import type { Redis } from 'ioredis';

/** Of the state Redis. Workers tell each other, so that any of them can stream the changes of all. */
const CHANNEL = 'changes';

/** How long an answer of "nobody listens" is believed, so that a feed without an audience is not slowed down. */
const deaf_ms = 1_000;

export type ChangeEvent =
  | { readonly kind: 'applied'; readonly trace: ChangeTrace }
  | { readonly kind: 'refreshed'; readonly seq: number; readonly refreshedAt: string }
  /** So many more were applied with them; the trace of each can be asked for. */
  | { readonly kind: 'more'; readonly count: number };

interface ChangeBroadcastOptions {
  readonly producer: Pick<Redis, 'publish'>;
  /** A connection of its own, which can do nothing but listen. */
  readonly connectSubscriber: () => Redis;
  readonly onError: (error: unknown) => void;
}

/** What happens to changes, told to whoever listens at this moment, in any worker. Nothing is kept, and nobody waits. */
export class ChangeBroadcast {
  readonly #options: ChangeBroadcastOptions;
  readonly #listeners = new Set<(events: readonly ChangeEvent[]) => void>();
  #subscriber: Redis | undefined;
  #silentUntil_ms = 0;

  constructor(options: ChangeBroadcastOptions) {
    this.#options = options;
  }

  /** How many traces are worth fetching now. */
  get wanted(): number {
    return performance.now() < this.#silentUntil_ms ? 0 : limits.streamedChanges;
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
        .slice(0, limits.streamedChanges)
        .map(({ seq, refreshedAt }) => ({ kind: 'refreshed', seq, refreshedAt })),
    );
  }

  /** @returns what ends it */
  listen(listener: (events: readonly ChangeEvent[]) => void): () => void {
    this.#listeners.add(listener);
    this.#subscriber ??= this.#subscribe();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  }

  stop(): void {
    this.#subscriber?.disconnect();
    this.#subscriber = undefined;
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
        this.#silentUntil_ms = receivers === 0 ? performance.now() + deaf_ms : 0;
      },
      () => {
        this.#silentUntil_ms = performance.now() + deaf_ms;
      },
    );
  }
}
