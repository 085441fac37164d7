import type { EntryStore } from '@catalog/cache';
import type { RefreshJob } from '@catalog/change-feed';
import { type Entity, limits, timings } from '@catalog/contracts';
import type { Queue } from 'bullmq';

interface RefreshRequestsOptions {
  readonly queue: Pick<Queue<RefreshJob>, 'add' | 'getWaitingCount'>;
  readonly entities: readonly Entity[];
  readonly store: Pick<EntryStore, 'peek'>;
  readonly onError: (error: unknown) => void;
}

/**
 * Has keys refreshed that nobody has asked for a moment after they were invalidated: who asks in between fills the key,
 * and would only have to wait for us. Best effort: after a mass change readers fill what they ask for, and a queue
 * of everything would only come too late.
 */
export class RefreshRequests {
  readonly #options: RefreshRequestsOptions;
  #keys: RefreshJob['keys'] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> = Promise.resolve();

  constructor(options: RefreshRequestsOptions) {
    this.#options = options;
  }

  add(keys: RefreshJob['keys']): void {
    if (this.#keys.length + keys.length > limits.refreshKeys) return;
    this.#keys.push(...keys);
    this.#timer ??= setTimeout(() => this.#send(), timings.beforeRefresh_ms);
  }

  /** Sends what is left. */
  async stop(): Promise<void> {
    if (this.#timer !== undefined) this.#send();
    await this.#sending;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const keys = this.#keys;
    this.#keys = [];
    this.#sending = this.#request(keys).catch(this.#options.onError);
  }

  async #request(invalidated: RefreshJob['keys']): Promise<void> {
    const { queue } = this.#options;
    const isEmpty = await Promise.all(invalidated.map((each) => this.#isEmpty(each)));
    const keys = invalidated.filter((_, index) => isEmpty[index]);
    if (keys.length === 0 || (await queue.getWaitingCount()) >= limits.waitingRefreshJobs) return;
    await queue.add('refresh', { keys });
  }

  /** Whether no reader has filled it. */
  async #isEmpty({ entity: name, key }: RefreshJob['keys'][number]): Promise<boolean> {
    const entity = this.#options.entities.find((each) => each.name === name);
    if (entity === undefined) return false;
    const entry = await this.#options.store.peek(entity.cacheKey(key));
    return typeof entry === 'string' || entry.state === 'dead';
  }
}
