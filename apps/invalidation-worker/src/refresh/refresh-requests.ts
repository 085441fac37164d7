import type { EntryStore } from '@catalog/cache/worker';
import type { RefreshJob } from '@catalog/change-feed';
import type { Entity } from '@catalog/contracts';
import { Flag, type Part, pause } from '@catalog/runtime';
import type { Queue } from 'bullmq';

/** A reader that asks for a key during its invalidation has filled the key after this time. */
const beforeRefresh_ms = 25;
/** Keys that may be refreshed together: about ten milliseconds of work. */
const mostKeys = 1_000;
/** Jobs that may wait. With more, readers fill the keys that they ask for. */
const mostWaitingJobs = 20;

interface RefreshRequestsOptions {
  readonly queue: Pick<Queue<RefreshJob>, 'add' | 'getWaitingCount'>;
  readonly entities: readonly Entity[];
  readonly store: Pick<EntryStore, 'peek'>;
  readonly onError: (error: unknown) => void;
}

/**
 * Queues a refresh of keys that were in use, shortly after their invalidation. A key that a reader has filled by then is left
 * out. Best effort: a mass change invalidates more keys than a refresh could fill in time, and readers fill what they ask for.
 */
export class RefreshRequests implements Part {
  readonly #options: RefreshRequestsOptions;
  readonly #hasKeys = new Flag();
  #keys: RefreshJob['keys'] = [];

  constructor(options: RefreshRequestsOptions) {
    this.#options = options;
  }

  add(keys: RefreshJob['keys']): void {
    if (this.#keys.length + keys.length > mostKeys) return;
    this.#keys.push(...keys);
    this.#hasKeys.raise();
  }

  /** After the stop it queues what was added before. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted || this.#keys.length > 0) {
      await this.#hasKeys.wait(signal);
      await pause(beforeRefresh_ms, signal);
      this.#hasKeys.lower();
      const keys = this.#keys;
      this.#keys = [];
      await this.#request(keys).catch(this.#options.onError);
    }
  }

  async #request(invalidated: RefreshJob['keys']): Promise<void> {
    const { queue } = this.#options;
    const isUnfilled = await Promise.all(invalidated.map((each) => this.#isUnfilled(each)));
    const keys = invalidated.filter((_, index) => isUnfilled[index]);
    if (keys.length === 0 || (await queue.getWaitingCount()) >= mostWaitingJobs) return;
    await queue.add('refresh', { keys });
  }

  /** Whether no reader has filled the key. */
  async #isUnfilled({ entity: name, key }: RefreshJob['keys'][number]): Promise<boolean> {
    const entity = this.#options.entities.find((each) => each.name === name);
    if (entity === undefined) return false;
    const entry = await this.#options.store.peek(entity.cacheKey(key));
    return typeof entry === 'string' || entry.state === 'dead';
  }
}
