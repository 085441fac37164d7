import type { CacheConnection, InvalidationPublisher } from '@catalog/cache';
import { type Outbox, Watermark } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';

interface HeartbeatOptions {
  readonly connection: CacheConnection;
  readonly publisher: InvalidationPublisher;
  readonly outbox: Outbox;
  /** Whether the incarnation that this process writes to is the one that is registered, as far as it knows. */
  readonly isRegistered: () => boolean;
  /** Postgres says that another is. */
  readonly onRefused: (incarnation: string) => void;
  readonly onError: (error: unknown) => void;
}

/** Tells the readers, several times within the bound, up to when every committed change has been applied. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #watermark = new Watermark();
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #lastBeat_ms = Number.NEGATIVE_INFINITY;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    // Another server's clock.
    options.connection.onIncarnation(() => this.#watermark.reset());
  }

  start(): void {
    void this.#beatAndRepeat();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** For readiness and metrics: how long no heartbeat could be sent. */
  get silentFor_ms(): number {
    return performance.now() - this.#lastBeat_ms;
  }

  /** In ms of the clock of the cache Redis; undefined while none is known in this life of it. */
  get watermark_ms(): number | undefined {
    return this.#watermark.at;
  }

  async #beatAndRepeat(): Promise<void> {
    const began_ms = performance.now();
    try {
      await this.#beat();
    } catch (error) {
      this.#options.onError(error);
    }
    if (this.#stopped) return;
    const rest_ms = timings.heartbeat_ms - (performance.now() - began_ms);
    this.#timer = setTimeout(() => void this.#beatAndRepeat(), Math.max(1, rest_ms));
  }

  async #beat(): Promise<void> {
    const { connection, publisher, outbox, isRegistered, onRefused } = this.#options;
    if (!isRegistered()) return;
    const incarnation = connection.requireIncarnation();
    // The time first: what is committed before it is visible to the look.
    const at_ms = await connection.time_ms();
    const look = await outbox.look(incarnation);
    if (!look.registered) {
      // Another worker applies the changes to another Redis: of ours, nobody can say how old it is.
      this.#watermark.reset();
      onRefused(incarnation);
      return;
    }
    if (connection.incarnation !== incarnation || !isRegistered()) return;
    await outbox.noteSeen(incarnation);
    this.#watermark.look(at_ms, look);
    if (this.#watermark.at === undefined) return;
    await publisher.heartbeat(this.#watermark.at);
    this.#lastBeat_ms = performance.now();
  }
}
