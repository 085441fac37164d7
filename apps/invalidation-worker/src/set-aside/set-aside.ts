import {
  type GenerationBumper,
  generationKey,
  type RefusedKey,
  ShardAway,
  type ShardedPublisher,
  slotOf,
  type WorkerCache,
} from '@catalog/cache/worker';
import {
  feedTimings,
  type KeySetAside,
  type KeyToRetry,
  type SetAsideKeys,
  type SetAsideSummary,
} from '@catalog/change-feed';
import { type Change, parseCacheKey, timings } from '@catalog/contracts';
import { type Part, repeat } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Registration } from '../registration/registration.ts';

/** A shard that was away for long may have many: some milliseconds of work for each store. */
const retriedAtOnce = 500;
/** While slots move, or a shard fails over, another incarnation is registered for a moment. */
const attempts = 3;
/** In a warning. */
const namedKeys = 5;
/** A whole entity may be refused, and each of its keys would be logged. */
const loggedKeys = 20;

interface SetAsideOptions {
  readonly keys: SetAsideKeys;
  readonly cache: Pick<WorkerCache, 'incarnation' | 'incarnations' | 'mapAge'>;
  readonly publisher: Pick<ShardedPublisher, 'invalidate'>;
  readonly bumper: Pick<GenerationBumper, 'bump' | 'end'>;
  readonly registration: Pick<Registration, 'isRegistered' | 'current' | 'refused'>;
  /** Slots with keys that wait for their shard, which is there. */
  readonly slotsBack: () => readonly number[];
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onError: (error: unknown) => void;
}

/**
 * Sets keys aside that the cache Redis refuses to invalidate, so that they delay no other change, and tries them again at a slow
 * pace. It also sets keys aside whose shard is away, and tries them again once the shard is back. `SetAsideKeys` says what the
 * readers do meanwhile.
 */
export class SetAside implements Part {
  readonly #options: SetAsideOptions;
  readonly #logged = new Set<string>();
  #isShardAway = false;

  constructor(options: SetAsideOptions) {
    this.#options = options;
  }

  /** @param lists whose cached pages the changes may have made wrong */
  async add(refused: readonly RefusedKey<Change>[], lists: readonly string[]): Promise<void> {
    const { registration, log } = this.#options;
    const added = refused.map(({ cacheKey, entity, key, reason, slot, changes }) => ({
      cacheKey,
      entity,
      key,
      reason: reason.message,
      rows: changes,
      slot,
    }));
    for (let attempt = 1; !(await this.#tryToAdd(added, lists)); attempt++) {
      // The outbox dispatches the changes again.
      if (attempt === attempts) return;
      await registration.current();
    }
    for (const { cacheKey, reason, slot } of added) {
      if (slot !== undefined) this.#logShardAway(cacheKey);
      if (slot !== undefined || this.#logged.has(cacheKey) || this.#logged.size >= loggedKeys) continue;
      this.#logged.add(cacheKey);
      log.warn(
        { key: cacheKey, reason },
        'the cache Redis refuses to invalidate a key: it is set aside, and readers read it from Postgres',
      );
    }
  }

  /** @returns false while another incarnation is registered, or the cache is away */
  async #tryToAdd(added: readonly KeySetAside[], lists: readonly string[]): Promise<boolean> {
    const { keys, cache, registration } = this.#options;
    const { incarnation } = cache;
    if (incarnation === undefined) return false;
    const listsEndedIn = await this.bump(lists, incarnation);
    const isAdded = await keys.add(added, incarnation, cache.incarnations, listsEndedIn);
    if (!isAdded) registration.refused(incarnation);
    return isAdded;
  }

  /**
   * Ends the pages of lists. Where their shard is away, they end before any reader trusts that shard again.
   *
   * @param incarnation of the cache
   * @returns the incarnations of the shards that are there
   * @throws the errors of `GenerationBumper.bump`, unless the shard is away and the list is set aside
   */
  async bump(lists: readonly string[], incarnation: string): Promise<string[]> {
    const { bumper } = this.#options;
    const endedIn = await Promise.all(
      lists.map((list) => this.#unlessAway(list, incarnation, () => bumper.bump(list))),
    );
    return [...new Set(endedIn)].filter((each) => each !== undefined);
  }

  /** As `bump`, and resolves when the pages have ended. */
  async endLists(lists: readonly string[], incarnation: string): Promise<void> {
    const { bumper } = this.#options;
    await Promise.all(lists.map((list) => this.#unlessAway(list, incarnation, () => bumper.end(list))));
  }

  /** @returns undefined when the shard of the list is away, and the list is set aside */
  async #unlessAway<T>(list: string, incarnation: string, end: () => Promise<T>): Promise<T | undefined> {
    const { keys, cache, registration } = this.#options;
    try {
      return await end();
    } catch (error) {
      if (!(error instanceof ShardAway)) throw error;
      const cacheKey = generationKey(list);
      const setAside = { cacheKey, list, slot: slotOf(cacheKey), reason: error.message };
      if (!(await keys.addList(setAside, incarnation, cache.incarnations))) {
        registration.refused(incarnation);
        throw error;
      }
      this.#logShardAway(cacheKey);
      return undefined;
    }
  }

  summary(): Promise<SetAsideSummary> {
    return this.#options.keys.summary(namedKeys);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    const every_ms = feedTimings.retrySetAside_ms;
    const retryBack = async () => {
      const slots = this.#options.slotsBack();
      if (slots.length > 0) await this.#retry(signal, slots);
    };
    await Promise.all([
      repeat(() => this.#retry(signal), { every_ms, signal, onError }),
      repeat(retryBack, { every_ms: timings.heartbeat_ms, signal, onError }),
    ]);
  }

  /** @param slots of shards that are back */
  async #retry(signal: AbortSignal, slots: readonly number[] = []): Promise<void> {
    const { keys, cache, publisher, registration, log } = this.#options;
    while (!signal.aborted && registration.isRegistered()) {
      const taken = await keys.takeForRetry(feedTimings.retrySetAside_ms, retriedAtOnce, slots);
      if (taken.length === 0) return;
      const outcomes = await publisher.invalidate(taken.map(({ cacheKey, version }) => [cacheKey, version]));
      const done = taken.flatMap((key, index) => {
        const outcome = outcomes[index];
        return outcome?.status === 'fulfilled' ? [{ ...key, incarnation: outcome.incarnation }] : [];
      });
      // Also without a shard that is away. The generation of a list is no key of an entity, so it waits with its shard.
      const refused = taken.flatMap(({ cacheKey, wasAway }, index) => {
        const outcome = outcomes[index];
        if (!wasAway || outcome?.status !== 'rejected' || outcome.reason instanceof ShardAway) return [];
        return parseCacheKey(cacheKey) === undefined ? [] : [{ cacheKey, reason: outcome.reason.message }];
      });
      if (refused.length > 0) await keys.noteRefused(refused);
      const { incarnation, mapAge } = cache;
      if (done.length === 0 || incarnation === undefined) return;
      const released = await keys.release(done, incarnation, mapAge);
      if (released === 0) return;
      this.#forgetLogged(done);
      this.#isShardAway = false;
      log.info({ keys: released }, 'the cache Redis invalidates keys again that were set aside');
    }
  }

  #logShardAway(cacheKey: string): void {
    if (this.#isShardAway) return;
    this.#isShardAway = true;
    this.#options.log.warn(
      { key: cacheKey },
      'a shard of the cache Redis is away: changes of its keys are set aside until it is back',
    );
  }

  #forgetLogged(released: readonly KeyToRetry[]): void {
    for (const { cacheKey } of released) this.#logged.delete(cacheKey);
  }
}
