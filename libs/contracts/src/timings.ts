/**
 * Every number of the protocol, each with its reason. All in milliseconds unless the name says otherwise.
 */
export const timings = {
  /** How old an answer may be without saying so. Several heartbeats, and far below what a person calls stale. */
  bound_ms: 2_000,
  /** Eight heartbeats fit into the bound. */
  heartbeat_ms: 250,
  /** Four heartbeats lost in a row are no hiccup: the near cache goes silent. */
  heartbeatOverdue_ms: 1_000,
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
  /** The worker has nowhere else to go, and sends thousands of commands at once: it waits longer than a reader. */
  workerCacheCall_ms: 1_000,
  /** How long an audit waits for the feed to catch up before it says that it cannot tell. */
  auditPatience_ms: 5_000,
} as const;

/** Every limit that keeps a slow store from being buried, each with its reason. */
export const limits = {
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
} as const;
