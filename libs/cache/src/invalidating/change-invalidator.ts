import type { Entity } from '@catalog/contracts';
import type { InvalidatedKey } from '../channel/messages.ts';
import { type CacheConnection, CacheUnavailable } from '../redis/cache-connection.ts';
import type { InvalidationPublisher } from './invalidation-publisher.ts';

/** One committed change of one key, as the outbox names it. */
export interface KeyChange {
  /** `Entity.name`. */
  readonly entity: string;
  readonly key: string;
  readonly version: number;
}

/** A key that a reader could have been served until now. */
export interface KeyInUse<Change> {
  readonly entity: string;
  readonly key: string;
  readonly changes: readonly Change[];
}

export interface InvalidatedChanges<Change> {
  /** The incarnation in which all of it was done. */
  readonly incarnation: string;
  /** Changes that can be acknowledged once the pages of `lists` have ended. */
  readonly applied: readonly Change[];
  /** Why the other changes could not be applied; undefined if all were. */
  readonly failure: Error | undefined;
  readonly inUse: readonly KeyInUse<Change>[];
  /** Lists with pages that the changes may have made wrong. */
  readonly lists: readonly string[];
}

interface ChangesOfKey<Change> {
  readonly entity: Entity;
  readonly key: string;
  version: number;
  readonly changes: Change[];
}

/**
 * Turns committed changes into invalidations: each key is invalidated in Redis, then announced to the near caches.
 * The worker applies the outbox with it, and so do the tests that play the worker.
 */
export class ChangeInvalidator {
  readonly #entities: ReadonlyMap<string, Entity>;
  readonly #connection: Pick<CacheConnection, 'incarnation'>;
  readonly #publisher: Pick<InvalidationPublisher, 'invalidate'>;

  constructor(
    entities: readonly Entity[],
    connection: Pick<CacheConnection, 'incarnation'>,
    publisher: Pick<InvalidationPublisher, 'invalidate'>,
  ) {
    this.#entities = new Map(entities.map((entity) => [entity.name, entity]));
    this.#connection = connection;
    this.#publisher = publisher;
  }

  /**
   * A key that fails keeps back only its own changes.
   *
   * @throws the first failure if no key could be invalidated
   * @throws CacheUnavailable if the incarnation changed meanwhile: some keys may have been invalidated in the old
   *   one and some in the new one
   */
  async invalidate<Change extends KeyChange>(
    changes: readonly Change[],
  ): Promise<InvalidatedChanges<Change>> {
    const { incarnation } = this.#connection;
    if (incarnation === undefined) throw new CacheUnavailable();
    const { cached, notCached } = this.#byKey(changes);
    const keys = cached.map(({ entity, key, version }): InvalidatedKey => [entity.cacheKey(key), version]);
    const outcomes = keys.length === 0 ? [] : await this.#publisher.invalidate(keys);

    const done: ChangesOfKey<Change>[] = [];
    const inUse: KeyInUse<Change>[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const one = cached[index];
      if (one === undefined || outcome.status === 'rejected') continue;
      done.push(one);
      if (outcome.value) inUse.push({ entity: one.entity.name, key: one.key, changes: one.changes });
    }
    const rejected = outcomes.find((outcome) => outcome.status === 'rejected');
    if (rejected !== undefined && done.length === 0) throw rejected.reason;
    if (this.#connection.incarnation !== incarnation) {
      throw new CacheUnavailable('the incarnation of the cache changed during an invalidation');
    }
    return {
      incarnation,
      applied: [...done.flatMap((one) => one.changes), ...notCached],
      failure: rejected?.reason as Error | undefined,
      inUse,
      lists: [...new Set(done.flatMap(({ entity }) => entity.list ?? []))],
    };
  }

  /** The newest of several changes of a key stands for all of them. This release caches nothing of unknown entities. */
  #byKey<Change extends KeyChange>(changes: readonly Change[]) {
    const cached = new Map<string, ChangesOfKey<Change>>();
    const notCached: Change[] = [];
    for (const change of changes) {
      const { key, version } = change;
      const entity = this.#entities.get(change.entity);
      if (entity === undefined) {
        notCached.push(change);
        continue;
      }
      const cacheKey = entity.cacheKey(key);
      const before = cached.get(cacheKey);
      if (before === undefined) cached.set(cacheKey, { entity, key, version, changes: [change] });
      else {
        before.version = Math.max(before.version, version);
        before.changes.push(change);
      }
    }
    return { cached: [...cached.values()], notCached };
  }
}
