import { noSilences, type Silence } from './channel/freshness.ts';
import type { NearCache } from './near-cache/near-cache.ts';
import type { LoadGuardState } from './reading/load-guard.ts';
import type { InspectedEntry } from './redis/entry-store.ts';
import type { ReaderShard } from './shards/reader-shard.ts';

export interface CacheStatus {
  /** undefined while Redis is away. Of a cluster, the incarnations of the shards that are there. */
  readonly incarnation: string | undefined;
  /** Whether Redis is within the bound, so that its entries are served. Of a cluster, every shard. */
  readonly redisIsFresh: boolean;
  /** Whether Redis, or at least one shard of it, is within the bound. */
  readonly someRedisIsFresh: boolean;
  /** Whether Redis, or a shard of it, fails, and readers go straight to Postgres. */
  readonly breakerIsOpen: boolean;
  /** That of the shard that is farthest behind. */
  readonly watermarkAge_ms: number;
  readonly nearCache: {
    /** For the keys of every shard. */
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

export function statusOf(
  shards: readonly ReaderShard[],
  near: NearCache,
  silences: Readonly<Record<Silence, number>>,
  loads: CacheStatus['loads'],
): CacheStatus {
  const incarnations = shards.flatMap(({ connection }) => connection.incarnation ?? []);
  return {
    incarnation: incarnations.length === 0 ? undefined : incarnations.join(' '),
    redisIsFresh: all(shards, isFresh),
    someRedisIsFresh: shards.some(isFresh),
    breakerIsOpen: shards.some(({ breaker }) => breaker.isOpen()),
    watermarkAge_ms: all(shards, () => true)
      ? Math.max(...shards.map(({ freshness }) => freshness.watermarkAge_ms))
      : Number.POSITIVE_INFINITY,
    nearCache: {
      isSound: all(shards, ({ freshness }) => freshness.isSound()),
      entries: near.size,
      bytes: near.bytes,
      silences,
    },
    loads,
  };
}

const isFresh = ({ freshness, connection }: ReaderShard): boolean =>
  freshness.isFresh(connection.incarnation);

/** False for a cluster that nobody has been able to ask: it has no shard yet. */
const all = (shards: readonly ReaderShard[], holds: (shard: ReaderShard) => boolean): boolean =>
  shards.length > 0 && shards.every(holds);

/** Counts the silences since the start, including those of shards that have gone. */
export class SilenceCount {
  readonly #gone = noSilences();

  keep(shard: ReaderShard): void {
    for (const [reason, count] of Object.entries(shard.freshness.silences))
      this.#gone[reason as Silence] += count;
  }

  total(shards: readonly ReaderShard[]): Record<Silence, number> {
    const sum = { ...this.#gone };
    for (const { freshness } of shards)
      for (const [reason, count] of Object.entries(freshness.silences)) sum[reason as Silence] += count;
    return sum;
  }
}
