/** Times that the worker and the readers must agree on, each with its reason. */
export const timings = {
  /** How old an answer may be that is not marked stale. Several heartbeats, and far less than a person would notice. */
  bound_ms: 2_000,
  /** The worker sends heartbeats this often: eight of them fit into the bound. */
  heartbeat_ms: 250,
  /** After four lost heartbeats in a row, the near cache goes silent. */
  heartbeatOverdue_ms: 1_000,
} as const;
