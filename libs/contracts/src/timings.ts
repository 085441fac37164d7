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
} as const;

/** Every limit that keeps a slow store from being buried, each with its reason. */
export const limits = {
  /** Live streams of changes that one worker serves. */
  changeStreams: 20,
  /** What a stream may owe its reader; a slower one misses changes, and is told how many. */
  changeStream_bytes: 256 * 1024,
  /** Changes of one acknowledgement that streams show; beyond, a person could not follow anyway. */
  streamedChanges: 100,
  /** Changes of one key that a trace shows. */
  tracedChanges: 100,
} as const;
