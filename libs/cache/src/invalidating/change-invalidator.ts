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

/** A key that Redis refuses, for instance because the ACL forbids it. */
export interface RefusedKey<Change> {
  readonly entity: string;
  readonly key: string;
  readonly cacheKey: string;
  /** The highest of its changes. */
  readonly version: number;
  readonly changes: readonly Change[];
  readonly reason: Error;
}

export interface InvalidatedChanges<Change> {
  /** The incarnation in which all keys were invalidated. */
  readonly incarnation: string;
  /** Changes that can be acknowledged once the pages of `lists` have ended. */
  readonly applied: readonly Change[];
  /** Keys of changes that Redis refuses for good. They were announced, but Redis may hold older values of them. */
  readonly refused: readonly RefusedKey<Change>[];
  /** Why the other changes could not be applied, if no single key is the cause. Undefined if there are no others. */
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
   * A key that Redis refuses keeps back only its own changes.
   *
   * @throws the errors of `InvalidationPublisher.invalidate`, and `failure` if no key could be invalidated
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
    const refused: RefusedKey<Change>[] = [];
    let failure: Error | undefined;
    const inUse: KeyInUse<Change>[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const one = cached[index];
      if (one === undefined) continue;
      if (outcome.status === 'rejected') {
        const reason = outcome.reason as Error;
        const cacheKey = one.entity.cacheKey(one.key);
        if (refusesEveryKey(reason)) failure ??= reason;
        else refused.push({ ...one, entity: one.entity.name, cacheKey, reason });
        continue;
      }
      done.push(one);
      if (outcome.value) inUse.push({ entity: one.entity.name, key: one.key, changes: one.changes });
    }
    if (failure !== undefined && done.length + refused.length === 0) throw failure;
    if (this.#connection.incarnation !== incarnation) {
      throw new CacheUnavailable('the incarnation of the cache changed during an invalidation');
    }
    return {
      incarnation,
      applied: [...done.flatMap((one) => one.changes), ...notCached],
      refused,
      failure,
      inUse,
      lists: [...new Set(cached.flatMap(({ entity }) => entity.list ?? []))],
    };
  }

  /** Several changes of a key are applied as one, at the newest version. This release caches nothing of unknown entities. */
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

/** Redis is full, cannot save, or follows another server. That passes, and no key is to blame. */
const refusesEveryKey = ({ message }: Error): boolean =>
  /^(?:OOM|MISCONF|READONLY|NOREPLICAS|MASTERDOWN|LOADING)\b/.test(message);
