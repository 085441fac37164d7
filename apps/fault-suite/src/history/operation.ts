/** One call as its client saw it. Times are in ms of the suite's monotonic clock. */
export interface Operation {
  readonly client: string;
  /** The catalog-read process that answered; empty for writes. */
  readonly process: string;
  readonly key: string;
  readonly kind: 'read' | 'write' | 'delete';
  readonly start_ms: number;
  readonly end_ms: number;
  /** `unknown`: the change may have happened or not. */
  readonly outcome: 'ok' | 'failed' | 'unknown';
  /** The version of the row or of its tombstone; undefined unless the outcome is ok. */
  readonly version?: number;
  /** Whether there was a row. */
  readonly present?: boolean;
  /** The answer said that it may be older than the bound. */
  readonly stale?: boolean;
  /** The Min-Version that the client sent. */
  readonly minVersion?: number;
  /** This client always sends the highest version that it has seen as Min-Version, to every process. */
  readonly alwaysSendsMinVersion?: true;
  /** The answer was 412, because Postgres has not reached Min-Version. */
  readonly unreached?: true;
  /** Status and Cache-Status, or the error, for a person who reads a violation. */
  readonly said?: string;
}
