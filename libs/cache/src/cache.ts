import { performance } from 'node:perf_hooks';
import { callerGaveUp, type Entity } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { type CacheStatus, type KeyStatus, SilenceCount, statusOf } from './cache-status.ts';
import { ListCache } from './lists/list-cache.ts';
import { NearCache } from './near-cache/near-cache.ts';
import { BatchLoader, type Loader, loadPayloads } from './reading/batch-loader.ts';
import { ReadWaves } from './reading/read-waves.ts';
import { type CacheEvents, EntityCache } from './reading/entity-cache.ts';
import type { Patience } from './reading/flights.ts';
import { createLoadGuard } from './reading/load-guard.ts';
import { MonotonicReads } from './reading/monotonic-reads.ts';
import { wrap, type Wrapped } from './reading/wrap.ts';
import type { DatabaseIncarnations } from './redis/cache-connection.ts';
import { DatabaseListeners } from './shards/database-listeners.ts';
import { noShard } from './shards/no-shard.ts';
import { ReaderShard } from './shards/reader-shard.ts';
import type { ReadShard, Router } from './shards/router.ts';
import { type ShardPlace, Shards } from './shards/shards.ts';
import { limits } from './timings.ts';

export interface CacheOptions {
  /** The cache Redis: one server, or a cluster (`redis+cluster://a:6379,b:6379`). */
  readonly url: string;
  /** The name of this process in `CLIENT LIST` of Redis. */
  readonly name: string;
  /** Tells the incarnations of Postgres apart: a `ServicePool`. A failover or a restore begins another one. */
  readonly database: DatabaseIncarnations;
  /** `replication-only` for a Redis that hides `INFO server`. Then a restart from an old dump goes unnoticed. */
  readonly incarnationMode?: 'full' | 'replication-only';
  /** What the near cache may hold, in bytes. */
  readonly nearCache_bytes?: number;
  readonly onError: (error: unknown) => void;
  /** For metrics. */
  readonly events?: CacheEvents;
  /** Called before a query is sent to Postgres, with the number of its keys. */
  readonly onLoad?: (entity: string, keys: number) => void;
  /** Called when the near cache has dropped what is older than `version` of this Redis key. */
  readonly onInvalidation?: (cacheKey: string, version: number) => void;
}

export type Cache = ReturnType<typeof createCache>;

/** The cache of one process: the servers of the cache Redis, the near cache, and the entities that the process defines. */
export function createCache(options: CacheOptions) {
  const { url, name, nearCache_bytes = 16 * 1024 * 1024, onError, onLoad, onInvalidation } = options;
  const now = () => performance.now();
  const near = new NearCache(now, { maxBytes: nearCache_bytes });
  const waves = new ReadWaves();
  const monotonic = new MonotonicReads();
  const database = new DatabaseListeners(options.database);
  const forgetAll = () => {
    monotonic.forgetAll();
    near.forgetAll();
  };
  const silences = new SilenceCount();
  const shards = new Shards({ url, name, open: openShard, onError });
  // A key may have another shard now, whose incarnation is known already.
  shards.onChange(() => shards.all.forEach(prove));
  const nowhere = noShard(now);
  const router: Router<ReadShard> = {
    of: (cacheKey) => shards.of(cacheKey) ?? nowhere,
    get all() {
      return shards.all;
    },
  };
  const ignore = () => undefined;
  const events = options.events ?? {
    fillRefused: ignore,
    overtaken: ignore,
    cacheFailed: onError,
    loadFailed: ignore,
  };
  const parts = { shards: router, near, monotonic, now, events };
  // Lists and inspections have guards of their own, so that many of them cannot delay a product.
  const guards = {
    keys: createLoadGuard(),
    lists: createLoadGuard(limits.listConcurrency),
    inspections: createLoadGuard(limits.inspectConcurrency),
    standby: createLoadGuard(),
    standbyLists: createLoadGuard(limits.listConcurrency),
  };
  // Called when it is the turn of a load. Meanwhile callers may have joined that wait for longer.
  const isWanted = (patience: Readonly<Patience>) => () => patience.until_ms > performance.now();
  /** The incarnation of Postgres that the served versions come from. */
  let servedFrom: string | undefined;

  function openShard(place: ShardPlace): ReaderShard {
    const shard = new ReaderShard(place, {
      ...options,
      database,
      now,
      waves,
      onInvalidation: (keys) => {
        for (const [cacheKey, version] of keys) {
          near.invalidate(cacheKey, version);
          onInvalidation?.(cacheKey, version);
        }
      },
      onForget(cacheKeys) {
        if (cacheKeys === 'all') forgetAll();
        else
          for (const cacheKey of cacheKeys) {
            monotonic.forget(cacheKey);
            near.forget(cacheKey);
          }
      },
      onOtherSlots: () => void shards.learn(),
      onStop: () => silences.keep(shard),
    });
    shard.connection.onDatabaseIncarnation((incarnation) => {
      // Every shard reports it. The first report makes the process forget what it has served; the others change nothing.
      if (incarnation === servedFrom) return;
      servedFrom = incarnation;
      forgetAll();
      for (const other of shards.all) if (other !== shard) void other.connection.relearn();
    });
    shard.connection.onIncarnation(() => prove(shard));
    return shard;
  }

  /** Judges the versions that were served while the incarnation of their shard was unknown. */
  function prove(shard: ReaderShard): void {
    const { incarnation } = shard.connection;
    if (incarnation !== undefined) monotonic.prove(incarnation, (cacheKey) => shards.of(cacheKey) === shard);
  }

  return {
    /**
     * An entity, and how its rows are read from Postgres: many keys in a query, with a deadline and a breaker.
     *
     * @param standby reads a standby of Postgres, for answers that are marked stale while the primary cannot be read
     */
    define<Body extends object>(
      entity: Entity,
      load: Loader<Body>,
      standby?: Loader<Body>,
    ): EntityCache<Body> {
      const loadBytes = loadPayloads(load);
      const loader = new BatchLoader((keys) => {
        onLoad?.(entity.name, keys.length);
        return loadBytes(keys);
      }, guards.keys);
      const fromStandby = standby && new BatchLoader(loadPayloads(standby), guards.standby);
      return new EntityCache(entity, loader, parts, fromStandby);
    },

    /** A function with cached answers; see `wrap`. */
    wrap<Args extends readonly unknown[], Value extends object>(
      entity: Entity,
      call: (...args: Args) => Promise<Value | null>,
      key?: (...args: Args) => string,
    ): Wrapped<Args, Value> {
      const load = () => Promise.reject(new Error(`each call of ${entity.name} brings its own loader`));
      return wrap(new EntityCache<Value>(entity, { load }, parts), call, key);
    },

    /** The pages of a list, by the name that `Entity.list` gives it. */
    list(listName: string) {
      const list = new ListCache(listName, parts);
      return {
        /** See `ListCache.kept`. */
        kept: (query: readonly unknown[], until_ms?: number) => list.kept(query, until_ms),
        /** See `ListCache.get`. The loads run within the limits for lists. */
        get: (
          query: readonly unknown[],
          load: () => Promise<Buffer>,
          until_ms?: number,
          standby?: () => Promise<Buffer>,
        ) =>
          list.get(
            query,
            (patience) => guards.lists(load, isWanted(patience)),
            until_ms,
            standby && ((patience) => guards.standbyLists(standby, isWanted(patience))),
          ),
      };
    },

    /** A read of Postgres that no cache serves, within the limits for keys. `until_ms` is how long the caller waits. */
    readPostgres<T>(read: () => Promise<T>, until_ms = Number.POSITIVE_INFINITY): Promise<T> {
      const guarded = () => guards.keys(read, isWanted({ until_ms }));
      return withDeadline(guarded, { until_ms, late: callerGaveUp });
    },

    /** A read of Postgres for somebody who inspects a key. It has a limit of its own, so it does not delay the reads of keys. */
    readPostgresToInspect: <T>(read: () => Promise<T>): Promise<T> => guards.inspections(read),

    status: (): CacheStatus =>
      statusOf(shards.all, near, silences.total(shards.all), {
        keys: guards.keys.state(),
        lists: guards.lists.state(),
        inspections: guards.inspections.state(),
      }),

    /** Takes no lease and changes nothing. */
    async inspect(cacheKey: string): Promise<KeyStatus> {
      const redis = await router
        .of(cacheKey)
        .store.inspect(cacheKey)
        .catch(() => ({ state: 'unreachable' }) as const);
      const kept = near.getStale(cacheKey);
      // Without a freshness it is only there for stale answers.
      if (kept?.freshness === undefined) return { redis, near: { state: 'absent' } };
      const isServed = near.get(cacheKey) !== undefined;
      return {
        redis,
        near: {
          state: isServed ? (kept.text === null ? 'missing' : 'value') : 'silenced',
          version: kept.version,
          payload: kept.text === null ? null : Buffer.from(kept.text, 'latin1'),
          age_ms: now() - kept.storedAt_ms,
          ttl_ms: kept.freshUntil_ms - now(),
        },
      };
    },

    /** Resolves after the first attempt to connect. Reads bypass the caches whenever those cannot be trusted. */
    start: () => shards.start(),

    stop: () => shards.stop(),
  };
}
