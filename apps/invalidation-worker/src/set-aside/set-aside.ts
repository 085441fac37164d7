import type { GenerationBumper, InvalidationPublisher, RefusedKey } from '@catalog/cache/worker';
import { feedTimings, type KeyToRetry, type SetAsideKeys, type SetAsideSummary } from '@catalog/change-feed';
import type { Change } from '@catalog/contracts';
import { type Part, repeat } from '@catalog/runtime';
import type { Logger } from '@catalog/service-kit';
import type { Registration } from '../registration/registration.ts';

/** One call to Redis. */
const retriedAtOnce = 100;
/** In a warning. */
const namedKeys = 5;
/** A whole entity may be refused, and each of its keys would be logged. */
const loggedKeys = 20;

interface SetAsideOptions {
  readonly keys: SetAsideKeys;
  readonly publisher: Pick<InvalidationPublisher, 'invalidate'>;
  readonly bumper: Pick<GenerationBumper, 'bump'>;
  readonly registration: Pick<Registration, 'isRegistered' | 'refused'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  readonly onError: (error: unknown) => void;
}

/**
 * Sets keys aside that the cache Redis refuses to invalidate, so that they delay no other change, and tries them again at a slow
 * pace. `SetAsideKeys` tells what the readers do meanwhile.
 */
export class SetAside implements Part {
  readonly #options: SetAsideOptions;
  readonly #logged = new Set<string>();

  constructor(options: SetAsideOptions) {
    this.#options = options;
  }

  /** @param lists whose cached pages the changes may have made wrong */
  async add(
    refused: readonly RefusedKey<Change>[],
    lists: readonly string[],
    incarnation: string,
  ): Promise<void> {
    const { keys, bumper, registration, log } = this.#options;
    await Promise.all(lists.map((list) => bumper.bump(list)));
    const added = refused.map(({ cacheKey, entity, key, reason, changes }) => ({
      cacheKey,
      entity,
      key,
      reason: reason.message,
      rows: changes,
    }));
    if (!(await keys.add(added, incarnation))) {
      registration.refused(incarnation);
      return;
    }
    for (const { cacheKey, reason } of added) {
      if (this.#logged.has(cacheKey) || this.#logged.size >= loggedKeys) continue;
      this.#logged.add(cacheKey);
      log.warn(
        { key: cacheKey, reason },
        'the cache Redis refuses to invalidate a key: it is set aside, and readers read it from Postgres',
      );
    }
  }

  summary(): Promise<SetAsideSummary> {
    return this.#options.keys.summary(namedKeys);
  }

  async run(signal: AbortSignal): Promise<void> {
    const { onError } = this.#options;
    const every_ms = feedTimings.retrySetAside_ms;
    await repeat(() => this.#retry(signal), { every_ms, signal, onError });
  }

  async #retry(signal: AbortSignal): Promise<void> {
    const { keys, publisher, registration, log } = this.#options;
    while (!signal.aborted && registration.isRegistered()) {
      const taken = await keys.takeForRetry(feedTimings.retrySetAside_ms, retriedAtOnce);
      if (taken.length === 0) return;
      const outcomes = await publisher.invalidate(taken.map(({ cacheKey, version }) => [cacheKey, version]));
      const done = taken.filter((_, index): boolean => outcomes[index]?.status === 'fulfilled');
      if (done.length === 0) return;
      await keys.release(done);
      this.#forgetLogged(done);
      log.info({ keys: done.length }, 'the cache Redis invalidates keys again that were set aside');
    }
  }

  #forgetLogged(released: readonly KeyToRetry[]): void {
    for (const { cacheKey } of released) this.#logged.delete(cacheKey);
  }
}
