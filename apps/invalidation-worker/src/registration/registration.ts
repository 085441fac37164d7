import type { CacheConnection } from '@catalog/cache/worker';
import type { RegisteredIncarnation } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import { Flag, type Part } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';

/** While another worker's incarnation is registered, ask this often whether its workers are gone. */
const askAgain_ms = 1_000;

interface RegistrationOptions {
  readonly cache: CacheConnection;
  readonly registered: Pick<RegisteredIncarnation, 'register' | 'isForgotten' | 'isDeserted'>;
  /** Invalidates every entry of the cache. */
  readonly purgeAll: (reason: string) => Promise<unknown>;
  readonly onReplayed: (changes: number) => void;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/**
 * Registers the incarnation of the cache that this worker writes to. Only then may the worker acknowledge changes or send
 * heartbeats. A worker that is left on a former Redis does neither.
 *
 *   unknown ── the connection learns its incarnation ──▶ registered ── Postgres names another one ──▶ overruled
 *   overruled ── the connection learns another incarnation, or no worker of the registered one was seen lately ──▶ registered
 *
 * An overruled worker does not register the same incarnation again. Otherwise two workers on two Redis servers would
 * register in turns. A server may return after missing changes that the outbox no longer holds. The worker purges it before
 * readers trust it.
 */
export class Registration implements Part {
  readonly #options: RegistrationOptions;
  readonly #changed = new Flag();
  readonly #listeners = new Set<() => void>();
  #registered: string | undefined;
  #overruled: string | undefined;
  /** Whether to ask Redis again which incarnation it has, before the next attempt to register. */
  #isDoubtful = false;

  constructor(options: RegistrationOptions) {
    this.#options = options;
    options.cache.onIncarnation((incarnation) => {
      // After a reconnect the answer may differ, so an incarnation that was refused before may be tried again.
      if (incarnation === undefined) this.#overruled = undefined;
      this.#isDoubtful = false;
      if (incarnation !== this.#registered) this.#unregister();
      this.#changed.raise();
    });
  }

  isRegistered(): boolean {
    return this.#registered !== undefined && this.#registered === this.#options.cache.incarnation;
  }

  /** Calls the listener when a registration begins and when it ends. @returns a function that removes the listener */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Postgres says that another incarnation is registered. Ours may have ended unnoticed. */
  refused(incarnation: string): void {
    if (this.#registered !== incarnation) return;
    this.#options.log.warn({ incarnation }, 'another worker has registered another incarnation of the cache');
    this.#unregister();
    this.#overruled = incarnation;
    this.#isDoubtful = true;
    this.#changed.raise();
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#changed.lower();
      let wait_ms: number;
      try {
        wait_ms = await this.#registerIfNeeded();
      } catch (error) {
        this.#options.onError(error);
        this.#isDoubtful = true;
        wait_ms = timings.heartbeat_ms;
      }
      await this.#changed.wait(signal, wait_ms);
    }
  }

  /** @returns when to try again, unless something changes before */
  async #registerIfNeeded(): Promise<number> {
    const { cache, registered, purgeAll, onReplayed, log } = this.#options;
    // The incarnation may have changed, and another worker may know that already.
    if (this.#isDoubtful) await cache.relearn();
    const { incarnation } = cache;
    if (incarnation === undefined || incarnation === this.#registered) return Number.POSITIVE_INFINITY;
    if (incarnation === this.#overruled && !(await registered.isDeserted())) {
      this.#isDoubtful = true;
      return askAgain_ms;
    }
    if (await registered.isForgotten(incarnation)) {
      const reason = 'the cache is back in a former incarnation';
      log.warn({ incarnation }, `${reason}: all its entries are invalidated`);
      await purgeAll(reason);
    }
    const changes = await registered.register(incarnation);
    if (cache.incarnation !== incarnation) return 0;
    this.#registered = incarnation;
    this.#overruled = undefined;
    this.#isDoubtful = false;
    if (changes > 0) {
      onReplayed(changes);
      log.info({ changes }, 'the cache has a new incarnation: recent changes are applied again');
    }
    this.#tellListeners();
    return Number.POSITIVE_INFINITY;
  }

  #unregister(): void {
    if (this.#registered === undefined) return;
    this.#registered = undefined;
    this.#tellListeners();
  }

  #tellListeners(): void {
    for (const listener of this.#listeners) listener();
  }
}
