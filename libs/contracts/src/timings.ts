/**
 * Every number of the protocol, each with its reason. All in milliseconds unless the name says otherwise.
 */
export const timings = {
  /** How old an answer may be without saying so. Several heartbeats, and far below what a person calls stale. */
  bound_ms: 2_000,
  /** Long enough for a slow read of Postgres; a holder that died blocks nobody for longer. */
  lease_ms: 3_000,
  /** Most loads end within this; waiting longer costs more than reading Postgres without a lease. */
  leaseWait_ms: 50,
  /** A read joins another of its key that began no longer ago than the bound, so that what that brings is within it. */
  flightJoin_ms: 2_000,
  /** Eight heartbeats fit into the bound. */
  heartbeat_ms: 250,
  /** Four heartbeats lost in a row are no hiccup: the near cache goes silent. */
  heartbeatOverdue_ms: 1_000,
  /** A cached value is loaded again after this even if nothing changed, as a net under the net. */
  softTtl_ms: 3_600_000,
  /** What is kept beyond the soft TTL serves only when Postgres cannot be read. */
  hardTtl_ms: 6 * 3_600_000,
  /** Each soft TTL is shortened by up to this part, so that keys loaded together do not expire together. */
  softTtlJitter: 0.1,
  /** In the last tenth of its soft TTL an entry is refreshed while it is still being served. */
  refreshAhead: 0.1,
  /** Absence is cheap to learn again, and a scan over random ids must not fill the cache. */
  missingTtl_ms: 60_000,
  /** A payload that was invalidated stays this long for stale-if-error. */
  deadTtl_ms: 600_000,
  /** A list page is dropped by its generation; the TTL only clears away pages nobody asks for. */
  listTtl_ms: 300_000,
  /** Lists change with every product; bumping more often than this would only empty them. */
  generationBump_ms: 100,
  /** A row that is not acknowledged after this is dispatched again under a new job. */
  redispatch_ms: 3_000,
  /** Whoever is asking for a key that was just invalidated has filled it by then. */
  beforeRefresh_ms: 25,
  /** How long acknowledged rows are kept, so that a failover can be answered by applying them again. */
  replayWindow_ms: 300_000,
  /** Workers of the registered life of the cache that were not seen for this long are gone, and another life may take over. */
  deserted_ms: 20_000,
  /** The relay looks at least this often, whatever happens to the doorbell. */
  safetyPoll_ms: 1_000,
  /** A listener that has not heard its own canary for this long is dead, whatever its socket says. */
  canary_ms: 1_500,
  /** A call to the cache that takes longer is given up; Postgres answers faster. */
  cacheCall_ms: 250,
  /** The worker has nowhere else to go, and sends thousands of commands at once: it waits longer than a reader. */
  workerCacheCall_ms: 1_000,
  /** A connection to the cache that is asked and says nothing for this long is half-open, and given up for another. */
  cacheSilence_ms: 2_000,
  /** A read of Postgres that takes longer is given up, so that a caller hears 503 within a second. */
  load_ms: 800,
  /** How long an audit waits for the feed to catch up before it says that it cannot tell. */
  auditPatience_ms: 5_000,
  /** While the cache or Postgres fails, one call in this time finds out whether it is back. */
  breakerRetry_ms: 500,
} as const;

/** Every limit that keeps a slow store from being buried, each with its reason. */
export const limits = {
  /** Queries for single keys at once: more than Postgres has cores to work on gains nothing. */
  loadConcurrency: 6,
  /** Pages and searches at once, in places of their own: however many are asked for, products come through. */
  listConcurrency: 4,
  /** Batches, or pages, that wait behind them, each of up to `loadBatch` keys; beyond, callers hear 503 at once. */
  loadWaiting: 16,
  /** Keys to a query: the plan stays an index scan, the answer stays below a megabyte. */
  loadBatch: 100,
  /** How often an answer may be overtaken by a newer one, and read again, before its caller hears 503. */
  overtakenReads: 3,
  /** Failures in a row after which a store is left alone for `breakerRetry_ms`. */
  breakerFailures: 5,
  /** Part of the NOTIFY queue of Postgres from which on the doorbell stays silent; `catalog.ring_doorbell()` says it too. */
  notificationQueueUsage: 0.5,
  /** Outbox rows to a job: a few milliseconds of work, so that a retry costs little. */
  jobChanges: 500,
  /** Outbox rows that the relay claims at once: a statement of some ten milliseconds. */
  claimChanges: 2_000,
  /**
   * Jobs that may wait; beyond, rows stay in the outbox, which is made for waiting. What is claimed should be applied well
   * before it counts as lost (`redispatch_ms`), also on a machine that is busy with the change itself.
   */
  waitingJobs: 8,
  /** Changes that may be applied and not acknowledged: a slow Postgres slows the feed down, and fills no memory. */
  unacknowledgedChanges: 20_000,
  /** Refreshes that may wait: beyond, readers fill the keys that they ask for. */
  waitingRefreshJobs: 20,
  /** Keys that may be refreshed together: the work of some ten milliseconds. */
  refreshKeys: 1_000,
  /** Keys that the auditor takes at a time: a few short reads of each store. */
  auditBatch: 100,
  /** Entries that wait for the auditor's second look; beyond, the feed is so far behind that audits tell nothing. */
  auditSuspects: 1_000,
  /** Live streams of changes that one worker serves. */
  changeStreams: 20,
  /** What a stream may owe its reader; a slower one misses changes, and is told how many. */
  changeStream_bytes: 256 * 1024,
  /** Changes of one acknowledgement that streams show; beyond, a person could not follow anyway. */
  streamedChanges: 100,
  /** Changes of one key that a trace shows. */
  tracedChanges: 100,
  /** What the near cache may hold. */
  nearCache_bytes: 64 * 1024 * 1024,
} as const;
