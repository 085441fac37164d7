import { randomBytes } from 'node:crypto';
import { BatchLoader, createLoadGuard, type EntryStore, freshLife_ms, type Load } from '@catalog/cache';
import type { RefreshJob } from '@catalog/change-feed';
import type { Entity } from '@catalog/contracts';

interface RefresherOptions {
  readonly entities: readonly { readonly entity: Entity; readonly load: Load }[];
  readonly store: EntryStore;
}

/** Fills keys that were in use before they were invalidated, as any reader would: lease, read, fill. */
export class Refresher {
  readonly #store: EntryStore;
  readonly #entities: ReadonlyMap<string, { entity: Entity; loader: BatchLoader }>;

  constructor({ entities, store }: RefresherOptions) {
    this.#store = store;
    const guard = createLoadGuard();
    this.#entities = new Map(
      entities.map(({ entity, load }) => [entity.name, { entity, loader: new BatchLoader(load, guard) }]),
    );
  }

  /** @returns how many keys were filled; the others are somebody else's, or there already */
  async refresh(keys: RefreshJob['keys']): Promise<number> {
    const filled = await Promise.all(keys.map(({ entity, key }) => this.#refreshKey(entity, key)));
    return filled.filter(Boolean).length;
  }

  async #refreshKey(name: string, key: string): Promise<boolean> {
    const known = this.#entities.get(name);
    if (known === undefined) return false;
    const { entity, loader } = known;
    const token = randomBytes(9).toString('hex');
    const cacheKey = entity.cacheKey(key);
    const { lease, incarnation } = await this.#store.readOrLease(cacheKey, entity.payloadSchema, token);
    if (lease !== 'granted') return false;
    const loaded = await loader.load(key);
    const { stored } = await this.#store.fill(
      cacheKey,
      entity.payloadSchema,
      token,
      incarnation,
      loaded,
      freshLife_ms(loaded),
    );
    return stored;
  }
}
