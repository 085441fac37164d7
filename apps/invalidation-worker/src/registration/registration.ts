import type { WorkerCache } from '@catalog/cache/worker';
import type { RegisteredIncarnation } from '@catalog/change-feed';
import { timings } from '@catalog/contracts';
import { Flag, type Part, pause } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';

/** While another worker's incarnation is registered, ask this often whether its workers are gone. */
const askAgain_ms = 1_000;
/** A registration takes some milliseconds. */
const registering_ms = 500;

interface RegistrationOptions {
  readonly cache: Pick<
    WorkerCache,
    'incarnation' | 'incarnations' | 'phases' | 'mapAge' | 'isComplete' | 'onIncarnation' | 'relearn'
  >;
  readonly registered: Pick<RegisteredIncarnation, 'register' | 'isForgotten' | 'mayReplace'>;
  /** Invalidates every entry of the cache. */
  readonly purgeAll: (reason: string) => Promise<unknown>;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

/**
 * Registers the incarnation of the cache that this worker writes to. Only shards of the registered incarnation have changes
 * acknowledged and get heartbeats. A worker that is left on a former Redis does neither.
 *
 *   unknown ── the connection learns its incarnation ──▶ registered ── Postgres names another one ──▶ overruled
 *   overruled ── the connection learns another incarnation, or no worker of the registered one was seen lately ──▶ registered
 *
 * The incarnation of a cluster changes when a slot moves or when a shard gets a new incarnation. While a
 * shard is away, a worker that starts does not know its incarnation. If it registered at once, the changes of that shard would be
 * set aside. So it first waits for that shard for a while. If the shard stays away, the worker registers, but only in the place of
 * an incarnation of its own, or of one whose workers are gone.
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
  /** As `#registered`, also after that has ended. */
  #lastRegistered: string | undefined;
  /** It was about to be registered while the incarnation of a shard was not known. */
  #incomplete: string | undefined;
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

  /** The incarnation that is registered. While another one is about to be registered, it waits a little for that. */
  async current(): Promise<string | undefined> {
    if (!this.isRegistered()) {
      const ended = new AbortController();
      const stopFollowing = this.onChange(() => ended.abort());
      await pause(registering_ms, ended.signal);
      stopFollowing();
    }
    return this.isRegistered() ? this.#registered : undefined;
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
    const { cache, registered, purgeAll, log } = this.#options;
    // The incarnation may have changed, and another worker may know that already.
    if (this.#isDoubtful) await cache.relearn();
    const { incarnation, incarnations, phases, mapAge, isComplete } = cache;
    if (incarnation === undefined || incarnation === this.#registered) return Number.POSITIVE_INFINITY;
    if (!isComplete && incarnation !== this.#incomplete) {
      this.#incomplete = incarnation;
      return timings.heartbeat_ms;
    }
    const isOverruled = incarnation === this.#overruled;
    const own = isOverruled ? [incarnation] : [incarnation, this.#lastRegistered ?? incarnation];
    if ((isOverruled || !isComplete) && !(await registered.mayReplace(...own))) {
      this.#isDoubtful = true;
      return askAgain_ms;
    }
    if (await registered.isForgotten(incarnations)) {
      const reason = 'the cache is back in a former incarnation';
      log.warn({ incarnation }, `${reason}: all its entries are invalidated`);
      await purgeAll(reason);
    }
    if (!(await registered.register(incarnation, incarnations, mapAge, phases))) {
      this.#isDoubtful = true;
      return askAgain_ms;
    }
    if (cache.incarnation !== incarnation) return 0;
    this.#registered = incarnation;
    this.#lastRegistered = incarnation;
    this.#overruled = undefined;
    this.#isDoubtful = false;
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
