import { CacheConnection, type CacheConnectionOptions } from './redis/cache-connection.ts';
import { createCacheBreaker } from './redis/cache-breaker.ts';
import type { CacheEvents, CacheParts } from './reading/entity-cache.ts';
import { EntryStore } from './redis/entry-store.ts';
import { Freshness } from './channel/freshness.ts';
import { InvalidationChannel } from './channel/invalidation-channel.ts';
import { MonotonicReads } from './reading/monotonic-reads.ts';
import { NearCache } from './near-cache/near-cache.ts';

export interface ProcessCacheOptions extends CacheConnectionOptions {
  readonly nearCache_bytes: number;
  readonly events: CacheEvents;
  /** Beside dropping the key from the near cache. */
  readonly onInvalidation?: (key: string, version: number) => void;
}

export interface ProcessCache {
  /** What the caches of all entities are made with. */
  readonly parts: CacheParts & { readonly breaker: ReturnType<typeof createCacheBreaker> };
  readonly connection: CacheConnection;
  /** Reads go past the caches until then, and whenever they cannot be trusted. */
  start(): Promise<void>;
  stop(): void;
}

/** What a process that reads through the cache has once: the connection, the channel, the near cache. */
export function createProcessCache(options: ProcessCacheOptions): ProcessCache {
  const { url, name, nearCache_bytes, events, onInvalidation, onError } = options;
  const now = () => performance.now();
  const connection = new CacheConnection(options);
  const freshness = new Freshness(now, () => connection.incarnation);
  const near = new NearCache(freshness, now, { maxBytes: nearCache_bytes });
  const channel = new InvalidationChannel({
    url,
    name: `${name} channel`,
    connection,
    freshness,
    now,
    onInvalidation: (keys) => {
      for (const [key, version] of keys) {
        near.invalidate(key, version);
        onInvalidation?.(key, version);
      }
    },
    onError,
  });
  return {
    parts: {
      store: new EntryStore(connection),
      breaker: createCacheBreaker(),
      freshness,
      near,
      monotonic: new MonotonicReads(),
      now,
      events,
    },
    connection,
    async start() {
      await Promise.all([connection.start(), channel.start()]);
    },
    stop() {
      channel.stop();
      connection.stop();
    },
  };
}
