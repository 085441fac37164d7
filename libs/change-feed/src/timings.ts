/** The numbers of the change feed, each with its reason. In milliseconds unless the name says otherwise. */
export const feedTimings = {
  /** A change that is not acknowledged after this is dispatched again, as a new job. */
  redispatch_ms: 3_000,
  /** How long applied changes are kept, so that they can be applied again after a failover of the cache. */
  replayWindow_ms: 300_000,
  /** When no worker of the registered incarnation was seen for this long, another incarnation may take over. */
  takeOverAfter_ms: 20_000,
  /** The relay looks at least this often, whatever happens to the doorbell. */
  safetyPoll_ms: 1_000,
  /** A key that the cache Redis refuses is tried again after this: an operator has to change something first. */
  retrySetAside_ms: 5_000,
  /**
   * How often the holder of the change slot confirms what has landed, and the other workers check whether somebody holds it. After a
   * crash, unconfirmed changes land again.
   */
  slotTick_ms: 1_000,
  /** A listener that has not heard its own canary for this long is replaced, whatever state its socket reports. */
  canary_ms: 1_500,
} as const;

export const feedLimits = {
  /** Changes in one job: a few milliseconds of work, so that a retry costs little. */
  jobChanges: 500,
  /** Changes that the relay claims at once: a statement of about ten milliseconds. */
  claimChanges: 2_000,
  /**
   * Jobs that may wait. Further changes stay in the outbox. Claimed changes should be applied well before they count as lost
   * (`redispatch_ms`), even on a machine that is busy with the mass change itself.
   */
  waitingJobs: 8,
  /** Changes that are replayed at once: a transaction of some tens of milliseconds, in which their rows are locked. */
  replayChanges: 500,
  /** Changes of the slot that wait in the memory of the lander: a few megabytes. Postgres keeps the others. */
  slotChanges: 20_000,
  /** Keys of an entity that are set aside one by one. Each heartbeat names them, so with more the whole entity is set aside. */
  keysSetAside: 20,
  /** From this part of Postgres' NOTIFY queue on, the doorbell is silent. `catalog.ring_doorbell()` has the same number. */
  notificationQueueUsage: 0.5,
} as const;
