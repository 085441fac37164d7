import type { EntryStore, InvalidatedKey, InvalidationPublisher } from '@catalog/cache';

interface InvalidationOptions {
  readonly store: Pick<EntryStore, 'invalidate'>;
  readonly publisher: Pick<InvalidationPublisher, 'publish'>;
}

/** An invalidation that no change of a row has asked for: a repair, or an operator's purge. In Redis, then announced. */
export class Invalidation {
  readonly #options: InvalidationOptions;

  constructor(options: InvalidationOptions) {
    this.#options = options;
  }

  /** @returns how many of the keys could have been served until now */
  async invalidate(keys: readonly InvalidatedKey[]): Promise<number> {
    const { store, publisher } = this.#options;
    const hits = await Promise.all(keys.map(([key, version]) => store.invalidate(key, version)));
    await publisher.publish(keys);
    return hits.filter(Boolean).length;
  }
}
