import type { CacheConnection } from '@catalog/cache';
import type { Outbox } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';

interface RegistrationOptions {
  readonly connection: CacheConnection;
  readonly outbox: Outbox;
  readonly onReplay: (changes: number) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Registers the incarnation that this worker writes to as the one that changes count as applied to. Only then may
 * it acknowledge, or send heartbeats: a worker that is left on a Redis of a former life does neither.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #registered: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    options.connection.onIncarnation((incarnation) => void this.#register(incarnation));
  }

  isRegistered(): boolean {
    return this.#registered !== undefined && this.#registered === this.#options.connection.incarnation;
  }

  /** Postgres says that another incarnation is registered: perhaps ours has ended without our noticing. */
  async refused(): Promise<void> {
    const refused = this.#registered;
    this.#registered = undefined;
    await this.#options.connection.relearn();
    const { incarnation } = this.#options.connection;
    // Another worker has overruled us. It writes to the newer life; we only may again once we see another too.
    if (incarnation !== refused) await this.#register(incarnation);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  async #register(incarnation: string | undefined): Promise<void> {
    clearTimeout(this.#timer);
    this.#registered = undefined;
    if (incarnation === undefined) return;
    const { connection, outbox, onReplay, onError } = this.#options;
    try {
      const replayed = await outbox.register(incarnation);
      if (connection.incarnation !== incarnation) return;
      this.#registered = incarnation;
      if (replayed > 0) onReplay(replayed);
    } catch (error) {
      onError(error);
      this.#timer = setTimeout(() => void this.#register(connection.incarnation), timings.heartbeat_ms);
    }
  }
}
