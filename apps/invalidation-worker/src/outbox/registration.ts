import type { CacheConnection } from '@catalog/cache';
import type { Outbox } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';

interface RegistrationOptions {
  readonly connection: CacheConnection;
  readonly outbox: Pick<Outbox, 'register' | 'isForgotten' | 'isDeserted'>;
  /** Invalidates every entry of the cache: it comes back from a life that nobody remembers what it has missed of. */
  readonly forgetEntries: () => Promise<unknown>;
  readonly onRegistered: (replayedChanges: number) => void;
  /** From now on nothing that this process applies counts. */
  readonly onUnregistered: () => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Registers the incarnation that this worker writes to as the one that changes count as applied to. Only then may
 * it acknowledge, or send heartbeats: a worker that is left on a Redis of a former life does neither.
 *
 *   unknown ── the connection learns its incarnation ──▶ registered ── Postgres names another ──▶ overruled
 *   overruled ── the connection learns another one, or no worker of the registered one is seen any more ──▶ registered
 *
 * Overruled, it does not register the same incarnation again, or two workers on two Redis servers would do so in turns.
 * One that was registered before, and comes back after what was applied meanwhile has left the outbox, is emptied first.
 */
export class Registration {
  readonly #options: RegistrationOptions;
  #registered: string | undefined;
  #overruled: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    options.connection.onIncarnation((incarnation) => {
      // Another connection, another answer: it may be asked for what was refused before.
      if (incarnation === undefined) this.#overruled = undefined;
      void this.#register(incarnation);
    });
  }

  isRegistered(): boolean {
    return this.#registered !== undefined && this.#registered === this.#options.connection.incarnation;
  }

  /** Postgres says that another incarnation is registered: perhaps ours has ended without our noticing. */
  refused(incarnation: string): void {
    if (this.#registered !== incarnation) return;
    this.#unregister();
    this.#overruled = incarnation;
    this.#askAgain(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  async #register(incarnation: string | undefined): Promise<void> {
    clearTimeout(this.#timer);
    if (this.#registered !== incarnation) this.#unregister();
    if (incarnation === undefined || this.#stopped) return;
    const { connection, outbox, forgetEntries, onRegistered, onError } = this.#options;
    try {
      if (incarnation === this.#overruled && !(await outbox.isDeserted())) {
        this.#askAgain(timings.safetyPoll_ms);
        return;
      }
      if (await outbox.isForgotten(incarnation)) await forgetEntries();
      const replayed = await outbox.register(incarnation);
      if (connection.incarnation !== incarnation) return;
      this.#registered = incarnation;
      this.#overruled = undefined;
      onRegistered(replayed);
    } catch (error) {
      onError(error);
      if (connection.incarnation === incarnation) this.#askAgain(timings.heartbeat_ms);
    }
  }

  #unregister(): void {
    if (this.#registered === undefined) return;
    this.#registered = undefined;
    this.#options.onUnregistered();
  }

  /** Learns the incarnation again before anything is registered: it may have changed, and another worker know that. */
  #askAgain(after_ms: number): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      const { connection, onError } = this.#options;
      const before = connection.incarnation;
      const ask = async () => {
        await connection.relearn();
        // If it has changed, the connection has told us.
        if (connection.incarnation === before) await this.#register(before);
      };
      ask().catch(onError);
    }, after_ms);
  }
}
