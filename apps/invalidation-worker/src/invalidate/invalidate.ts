import {
  CacheUnavailable,
  type EntryStore,
  type InvalidatedKey,
  type InvalidationPublisher,
} from '@catalog/cache';
import type { OutboxRow, RefreshJob } from '@catalog/change-feed';
import type { Change, Entity } from '@catalog/contracts';
import type { Applied } from './acknowledger.ts';
import { listsOf } from './lists.ts';

interface InvalidatorOptions {
  readonly entities: readonly Entity[];
  readonly store: Pick<EntryStore, 'incarnation'>;
  readonly publisher: Pick<InvalidationPublisher, 'invalidate'>;
  readonly acknowledge: (applied: Applied) => void;
  readonly refresh: (keys: RefreshJob['keys']) => void;
  readonly onError: (error: unknown) => void;
}

interface KeyChange {
  readonly entity: Entity;
  readonly key: string;
  readonly cacheKey: string;
  version: number;
  readonly rows: OutboxRow[];
}

/**
 * Applies changes: invalidates their keys, announces that, hands them on to be acknowledged, and has the
 * keys that were in use refreshed. In this order, so that a crash between two steps repeats, and skips nothing.
 * A key that fails keeps only its own changes unacknowledged.
 */
export class Invalidator {
  readonly #options: InvalidatorOptions;
  readonly #entities: ReadonlyMap<string, Entity>;

  constructor(options: InvalidatorOptions) {
    this.#options = options;
    this.#entities = new Map(options.entities.map((entity) => [entity.name, entity]));
  }

  /**
   * @param queuedAt_ms when the job was queued, in ms since 1970
   * @throws the first error where no key at all could be invalidated; CacheUnavailable where the life of the cache
   *   ended meanwhile, so that some keys may have been invalidated in one and some in another
   */
  async apply(changes: readonly Change[], queuedAt_ms = Date.now()): Promise<void> {
    const { store, publisher, acknowledge, refresh, onError } = this.#options;
    const { incarnation } = store;
    if (incarnation === undefined) throw new CacheUnavailable('the cache is away');
    const { known, unknown } = this.#byKey(changes);
    const keys = known.map(({ cacheKey, version }): InvalidatedKey => [cacheKey, version]);
    const outcomes = keys.length === 0 ? [] : await publisher.invalidate(keys);

    const done: KeyChange[] = [];
    const hit: KeyChange[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const change = known[index];
      if (change === undefined || outcome.status === 'rejected') continue;
      done.push(change);
      if (outcome.value) hit.push(change);
    }
    const failure = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failure !== undefined) {
      if (done.length === 0) throw failure.reason;
      onError(failure.reason);
    }
    if (store.incarnation !== incarnation) throw new CacheUnavailable('the cache began another life');
    acknowledge({
      incarnation,
      appliedAt_ms: performance.now(),
      queued_ms: Math.max(0, Date.now() - queuedAt_ms),
      // Nobody caches an entity that this release does not know.
      rows: [...done.flatMap(({ rows }) => rows), ...unknown],
      lists: [...new Set(done.flatMap(({ entity }) => listsOf[entity.name] ?? []))],
    });
    if (hit.length === 0) return;
    refresh(
      hit.map(({ entity, key, rows }) => ({ entity: entity.name, key, seqs: rows.map(({ seq }) => seq) })),
    );
  }

  /** Of several changes of a key, the newest says it all. */
  #byKey(changes: readonly Change[]): { known: KeyChange[]; unknown: OutboxRow[] } {
    const known = new Map<string, KeyChange>();
    const unknown: OutboxRow[] = [];
    for (const { seq, transaction, entity: name, key, version } of changes) {
      const row = { seq, transaction };
      const entity = this.#entities.get(name);
      if (entity === undefined) {
        unknown.push(row);
        continue;
      }
      const cacheKey = entity.cacheKey(key);
      const before = known.get(cacheKey);
      if (before === undefined) known.set(cacheKey, { entity, key, cacheKey, version, rows: [row] });
      else {
        before.version = Math.max(before.version, version);
        before.rows.push(row);
      }
    }
    return { known: [...known.values()], unknown };
  }
}
