import { timings as shared } from '@catalog/contracts';

/** The times of the cache, each with its reason. Milliseconds, unless the name says otherwise. */
export const timings = {
  bound_ms: shared.bound_ms,
  heartbeat_ms: shared.heartbeat_ms,
  heartbeatOverdue_ms: shared.heartbeatOverdue_ms,
  /** Long enough for a slow read of Postgres. A holder that dies blocks the key for no longer than this. */
  lease_ms: 3_000,
  /** Most loads end within this time. Waiting longer for the holder costs more than reading Postgres without a lease. */
  leaseWait_ms: 50,
  /** A read joins another read of its key only if that one began within the bound. Its answer is then within the bound. */
  flightJoin_ms: 2_000,
  /** A value is loaded again after this time, even if no change was heard of. It limits how long an unnoticed bug lasts. */
  softTtl_ms: 3_600_000,
  /** After the soft TTL an entry is kept until this time, and served only if Postgres cannot be read. */
  hardTtl_ms: 6 * 3_600_000,
  /** Each soft TTL is shortened by up to this part, so that keys loaded together do not expire together. */
  softTtlJitter: 0.1,
  /** In the last tenth of its soft TTL an entry is refreshed while it is still served. */
  refreshAhead: 0.1,
  /** Absence is cheap to load again, and a scan over random ids must not fill the cache. */
  missingTtl_ms: 60_000,
  /** A dead payload is kept for this long, to be served as stale if Postgres cannot be read. */
  deadTtl_ms: 600_000,
  /** A new generation ends a list page. The TTL only removes pages that nobody asks for. */
  listTtl_ms: 300_000,
  /**
   * A page that was not asked for in the last `listTtl_ms` is kept only for the callers of this moment. Most searches are
   * never repeated, and a caller who invents searches must not fill Redis.
   */
  listFirstTtl_ms: 2_000,
  /** Lists change with every product. A page is loaded once in this time, however many products change. */
  generationBump_ms: 1_000,
  /** A worker that is far behind ends the pages sooner, but not more often than this. */
  generationLeast_ms: 100,
  /** A page ends this long before the bound, because a heartbeat may be younger than the watermark that was read. */
  generationReserve_ms: 250,
  /** A reader gives up a call to Redis that takes longer, because Postgres answers faster. */
  cacheCall_ms: 250,
  /** A connection that leaves a command unanswered for this long is half-open: it is closed and opened again. */
  cacheSilence_ms: 2_000,
  /** A read of Postgres that takes longer is given up, so that the caller gets its 503 within a second. */
  load_ms: 800,
  /** While Redis fails, one call in this time tests whether it is back. A call to a Redis that hangs delays its caller. */
  breakerRetry_ms: 500,
  /**
   * While Postgres fails, one load in this time tests whether it is back. Until it succeeds, a read of a key that Redis does
   * not hold fails. The first writes after an outage invalidate many keys, so a longer pause means many failed reads.
   */
  loadRetry_ms: 100,
} as const;

/** The limits that protect a slow store, each with its reason. */
export const limits = {
  /** Waves of reads of Redis that are under way at once. More at once have fewer keys each. */
  readsUnderWay: 2,
  /** Reads wait this long for those under way. Longer ones mean that Redis is slow, and waiting would not help. */
  readsHeld_ms: 2,
  /** Queries for keys that run at once. More than Postgres has cores gains nothing. */
  loadConcurrency: 6,
  /** Queries for pages and searches that run at once. They have their own limit, so that they cannot delay products. */
  listConcurrency: 4,
  /** Queries of people and tools that compare one key with Postgres. One at a time answers them soon enough. */
  inspectConcurrency: 1,
  /** Queries that wait for their turn, each of up to `loadBatch` keys. Beyond that, callers get 503 at once. */
  loadWaiting: 16,
  /** Keys in a query: the plan stays an index scan and the answer stays below a megabyte. */
  loadBatch: 100,
  /** Pages of a list of which a process knows when it was last asked for them. With 150 bytes each, 1.5 MB. */
  rememberedPages: 10_000,
  /** Pages of lists that a process keeps: about 300 of 50 products. They take no room from single products. */
  keptPages_bytes: 16 * 1024 * 1024,
  /** The part of the near cache that keys without a row may take. Whoever asks for random keys gets no more of it. */
  nearMissingShare: 1 / 16,
  /** How often an answer may be overtaken by a newer one, and be read again, before its caller gets 503. */
  overtakenReads: 3,
  /** After this many failures in a row a store is not called for `breakerRetry_ms` or `loadRetry_ms`. */
  breakerFailures: 5,
} as const;
