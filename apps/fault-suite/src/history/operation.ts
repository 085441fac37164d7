/** What one client saw of one call. Times are of the suite's monotonic clock, in ms. */
export interface Operation {
  readonly client: string;
  /** One life of one catalog-read process; empty for writes. */
  readonly process: string;
  readonly key: string;
  readonly kind: 'read' | 'write' | 'delete';
  readonly start_ms: number;
  readonly end_ms: number;
  /** unknown: it may or may not have happened. */
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** Of the row or of its tombstone; undefined unless the outcome is ok. */
  readonly version?: number;
  /** Whether there was a row. */
  readonly present?: boolean;
  /** The answer said that it may be older than the bound. */
  readonly stale?: boolean;
  /** What the client sent as Min-Version. */
  readonly minVersion?: number;
  /** This client sends Min-Version of all that it has seen, to whichever process it asks. */
  readonly insists?: true;
  /** The answer was 412: Postgres has not reached Min-Version. */
  readonly unreached?: true;
  /** For people who read a violation. */
  readonly said?: string;
}
