import type { Entity } from '@catalog/contracts';
import type { FillShard, Router } from '../shards/router.ts';
import { BatchLoader, type PayloadLoader } from './batch-loader.ts';
import { placeOf } from './place.ts';
import { LeaseLoadFill } from './lease-load-fill.ts';
import { createLoadGuard } from './load-guard.ts';

interface KeyRefresherOptions {
  readonly shards: Router<FillShard>;
  readonly entities: readonly Entity[];
  /** By the name of the entity. */
  readonly loads: ReadonlyMap<string, PayloadLoader>;
  readonly onCacheFailed: (error: unknown) => void;
}

/** Fills keys again after they were invalidated, as a reader would: lease, load, fill. */
export class KeyRefresher {
  readonly #fillPath: LeaseLoadFill;
  readonly #entities: ReadonlyMap<string, { entity: Entity; loader: BatchLoader }>;

  constructor({ shards, entities, loads, onCacheFailed }: KeyRefresherOptions) {
    const ignore = () => undefined;
    const events = { fillRefused: ignore, loadFailed: ignore, cacheFailed: onCacheFailed };
    this.#fillPath = new LeaseLoadFill({ shards, events });
    const guard = createLoadGuard();
    this.#entities = new Map(
      entities.flatMap((entity) => {
        const load = loads.get(entity.name);
        return load === undefined ? [] : [[entity.name, { entity, loader: new BatchLoader(load, guard) }]];
      }),
    );
  }

  /**
   * @returns whether this call filled the key; else another reader holds the lease, or the entry is there already
   * @throws if Redis cannot be asked, or Postgres cannot be read
   */
  async refresh(entityName: string, key: string): Promise<boolean> {
    const known = this.#entities.get(entityName);
    if (known === undefined) return false;
    return this.#fillPath.refill(placeOf(known.entity, key), () => known.loader.load(key));
  }
}
