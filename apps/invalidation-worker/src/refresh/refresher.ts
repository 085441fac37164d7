import { randomBytes } from 'node:crypto';
import { BatchLoader, createLoadGuard, type EntryStore, freshLife_ms, type Load } from '@catalog/cache';
import type { Entity } from '@catalog/contracts';

interface RefresherOptions {
  readonly entities: readonly Entity[];
  /** By the entity's name. */
  readonly loads: ReadonlyMap<string, Load>;
  readonly store: EntryStore;
}

/** Fills keys the way a reader does: lease, load, fill. */
export class Refresher {
  readonly #store: EntryStore;
  readonly #entities: ReadonlyMap<string, { entity: Entity; loader: BatchLoader }>;

  constructor({ entities, loads, store }: RefresherOptions) {
    this.#store = store;
    const guard = createLoadGuard();
    this.#entities = new Map(
      entities.flatMap((entity) => {
        const load = loads.get(entity.name);
        return load === undefined ? [] : [[entity.name, { entity, loader: new BatchLoader(load, guard) }]];
      }),
    );
  }

  /**
   * @returns the keys that were filled; the others are being filled by a reader, or are filled
   * @throws the first failure when no key could be filled
   */
  async refresh<Key extends { entity: string; key: string }>(keys: readonly Key[]): Promise<Key[]> {
    const outcomes = await Promise.allSettled(keys.map(({ entity, key }) => this.#refreshKey(entity, key)));
    const filled = keys.filter((_, index) => {
      const outcome = outcomes[index];
      return outcome?.status === 'fulfilled' && outcome.value;
    });
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (filled.length === 0 && failure !== undefined) throw failure.reason;
    return filled;
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
      freshLife_ms(loaded, entity),
    );
    return stored;
  }
}
