import type { Entity } from '@catalog/contracts';
import type { InvalidatedKey } from '../channel/messages.ts';
import { slotOf } from '@catalog/redis';
import { type CacheConnection, CacheUnavailable, ShardAway } from '../redis/cache-connection.ts';
import { type InvalidationPublisher, refusesEveryKey } from './invalidation-publisher.ts';

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

/** A change, and the incarnation of the shard that it was applied to. */
export type AppliedTo<Change> = Change & { readonly appliedTo: string };

/** A key that Redis refuses, for instance because the ACL forbids it. */
export interface RefusedKey<Change> {
  readonly entity: string;
  readonly key: string;
  readonly cacheKey: string;
  /** The highest of its changes. */
  readonly version: number;
  readonly changes: readonly Change[];
  readonly reason: Error;
  /** Set when no key is to blame, but its shard is away: the slot of the key. */
  readonly slot?: number | undefined;
}

export interface InvalidatedChanges<Change> {
  /** Changes that can be acknowledged once the pages of `lists` have ended. */
  readonly applied: readonly AppliedTo<Change>[];
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
   * A key that Redis refuses keeps back only its own changes, and so does a key whose shard is away.
   *
   * @throws the errors of `InvalidationPublisher.invalidate`, and `failure` if no key could be invalidated
   */
  async invalidate<Change extends KeyChange>(
    changes: readonly Change[],
  ): Promise<InvalidatedChanges<Change>> {
    const { incarnation } = this.#connection;
    if (incarnation === undefined) throw new CacheUnavailable();
    const { cached, notCached } = this.#byKey(changes);
    const keys = cached.map(({ entity, key, version }): InvalidatedKey => [entity.cacheKey(key), version]);
    const outcomes = keys.length === 0 ? [] : await this.#publisher.invalidate(keys);

    const applied: AppliedTo<Change>[] = [];
    let isAnyDone = false;
    const refused: RefusedKey<Change>[] = [];
    let failure: Error | undefined;
    const inUse: KeyInUse<Change>[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const one = cached[index];
      if (one === undefined) continue;
      if (outcome.status === 'rejected') {
        const { reason } = outcome;
        const cacheKey = one.entity.cacheKey(one.key);
        const slot = reason instanceof ShardAway ? slotOf(cacheKey) : undefined;
        if (refusesEveryKey(reason)) failure ??= reason;
        else refused.push({ ...one, entity: one.entity.name, cacheKey, reason, slot });
        continue;
      }
      isAnyDone = true;
      for (const change of one.changes) applied.push({ ...change, appliedTo: outcome.incarnation });
      if (outcome.value) inUse.push({ entity: one.entity.name, key: one.key, changes: one.changes });
    }
    for (const change of notCached) applied.push({ ...change, appliedTo: incarnation });
    if (failure !== undefined && !isAnyDone && refused.length === 0) throw failure;
    return {
      applied,
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
