import { callerGaveUp, type Entity } from '@catalog/contracts';
import { type RunningPart, startPart, withDeadline } from '@catalog/runtime';
import { Freshness, type Silence } from './channel/freshness.ts';
import { InvalidationChannel } from './channel/invalidation-channel.ts';
import { ListCache } from './lists/list-cache.ts';
import { NearCache } from './near-cache/near-cache.ts';
import { BatchLoader, type Loader, loadPayloads } from './reading/batch-loader.ts';
import { type CacheEvents, EntityCache } from './reading/entity-cache.ts';
import type { Patience } from './reading/flights.ts';
import { createLoadGuard, type LoadGuardState } from './reading/load-guard.ts';
import { MonotonicReads } from './reading/monotonic-reads.ts';
import { TurnReads } from './reading/turn-reads.ts';
import { wrap, type Wrapped } from './reading/wrap.ts';
import { createCacheBreaker } from './redis/cache-breaker.ts';
import { CacheConnection, type DatabaseIncarnations } from './redis/cache-connection.ts';
import { EntryStore, type InspectedEntry } from './redis/entry-store.ts';
import { limits } from './timings.ts';

export interface CacheOptions {
  /** The cache Redis. */
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
  /** A query for so many keys of an entity is about to be sent to Postgres. */
  readonly onLoad?: (entity: string, keys: number) => void;
  /** The near cache has dropped what is older than `version` of this Redis key. */
  readonly onInvalidation?: (cacheKey: string, version: number) => void;
}

export interface CacheStatus {
  /** undefined while Redis is away. */
  readonly incarnation: string | undefined;
  /** Whether Redis is within the bound, so that its entries are served. */
  readonly redisIsFresh: boolean;
  /** Whether Redis fails, and readers go straight to Postgres. */
  readonly breakerIsOpen: boolean;
  readonly watermarkAge_ms: number;
  readonly nearCache: {
    readonly isSound: boolean;
    readonly entries: number;
    readonly bytes: number;
    /** How often it went silent, by reason. */
    readonly silences: Readonly<Record<Silence, number>>;
  };
  /** Loads from Postgres: of keys, of list pages, and of keys that somebody inspects. */
  readonly loads: {
    readonly keys: LoadGuardState;
    readonly lists: LoadGuardState;
    readonly inspections: LoadGuardState;
  };
}

/** One key as Redis and this process hold it, for people. */
export interface KeyStatus {
  readonly redis: InspectedEntry | { readonly state: 'unreachable' };
  readonly near:
    | { readonly state: 'absent' }
    | {
        readonly state: 'value' | 'missing' | 'silenced';
        readonly version: number;
        readonly age_ms: number;
        readonly ttl_ms: number;
        /** null if the key is known to be missing. */
        readonly payload: Buffer | null;
      };
}

export type Cache = ReturnType<typeof createCache>;

/** The cache of one process: the connection, the invalidation channel, the near cache, and the entities it defines. */
export function createCache(options: CacheOptions) {
  const { url, name, nearCache_bytes = 16 * 1024 * 1024, onError, onLoad, onInvalidation } = options;
  const now = () => performance.now();
  const connection = new CacheConnection(options);
  const freshness = new Freshness(now, () => connection.incarnation);
  const near = new NearCache(freshness, now, { maxBytes: nearCache_bytes });
  const monotonic = new MonotonicReads();
  const forgetAll = () => {
    monotonic.forgetAll();
    near.forgetAll();
  };
  connection.onDatabaseIncarnation(forgetAll);
  connection.onIncarnation((incarnation) => {
    if (incarnation !== undefined) monotonic.prove(incarnation);
  });
  const channel = new InvalidationChannel({
    url,
    name: `${name} channel`,
    connection,
    freshness,
    now,
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
    onError,
  });
  const store = new EntryStore(connection);
  const breaker = createCacheBreaker();
  const ignore = () => undefined;
  const events = options.events ?? {
    fillRefused: ignore,
    overtaken: ignore,
    cacheFailed: onError,
    loadFailed: ignore,
  };
  const reads = new TurnReads({ connection, breaker, freshness });
  const parts = { store, reads, breaker, freshness, near, monotonic, now, events };
  // Lists and inspections have guards of their own, so that many of them cannot delay a product.
  const guards = {
    keys: createLoadGuard(),
    lists: createLoadGuard(limits.listConcurrency),
    inspections: createLoadGuard(limits.inspectConcurrency),
  };
  // Asked when the turn of a load comes. Callers that joined since may have made the patience longer.
  const isWanted = (patience: Readonly<Patience>) => () => patience.until_ms > performance.now();
  let runningChannel: RunningPart | undefined;

  return {
    /** An entity, and how its rows are read from Postgres: many keys in a query, with a deadline and a breaker. */
    define<Body extends object>(entity: Entity, load: Loader<Body>): EntityCache<Body> {
      const loadBytes = loadPayloads(load);
      const loader = new BatchLoader((keys) => {
        onLoad?.(entity.name, keys.length);
        return loadBytes(keys);
      }, guards.keys);
      return new EntityCache(entity, loader, parts);
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
        /** See `ListCache.get`. The load runs within the limits for lists. */
        get: (query: readonly unknown[], load: () => Promise<Buffer>, until_ms?: number) =>
          list.get(query, (patience) => guards.lists(load, isWanted(patience)), until_ms),
      };
    },

    /** A read of Postgres that no cache serves, within the limits for keys. `until_ms` is how long the caller waits. */
    readPostgres<T>(read: () => Promise<T>, until_ms = Number.POSITIVE_INFINITY): Promise<T> {
      const guarded = () => guards.keys(read, isWanted({ until_ms }));
      return withDeadline(guarded, { until_ms, late: callerGaveUp });
    },

    /** A read of Postgres for somebody who inspects a key. It takes no place from the reads of keys. */
    readPostgresToInspect: <T>(read: () => Promise<T>): Promise<T> => guards.inspections(read),

    status(): CacheStatus {
      const { incarnation } = connection;
      return {
        incarnation,
        redisIsFresh: freshness.isFresh(incarnation),
        breakerIsOpen: breaker.isOpen(),
        watermarkAge_ms: freshness.watermarkAge_ms,
        nearCache: {
          isSound: freshness.isSound(),
          entries: near.size,
          bytes: near.bytes,
          silences: freshness.silences,
        },
        loads: {
          keys: guards.keys.state(),
          lists: guards.lists.state(),
          inspections: guards.inspections.state(),
        },
      };
    },

    /** Takes no lease and changes nothing. */
    async inspect(cacheKey: string): Promise<KeyStatus> {
      const redis = await store.inspect(cacheKey).catch(() => ({ state: 'unreachable' }) as const);
      const kept = near.getStale(cacheKey);
      if (kept === undefined) return { redis, near: { state: 'absent' } };
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
    async start(): Promise<void> {
      runningChannel ??= startPart(channel);
      await connection.start();
    },

    async stop(): Promise<void> {
      connection.stop();
      await runningChannel?.stop();
      runningChannel = undefined;
    },
  };
}
