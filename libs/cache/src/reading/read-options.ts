export interface ReadOptions {
  /** A cache that holds a lower version does not answer. If the answer is still lower, Postgres holds nothing newer. */
  readonly minVersion?: number;
  /** Called before `minVersion` makes the read bypass the caches. It may throw to refuse that. */
  readonly beforeBypass?: () => void | Promise<void>;
  /** How long the caller waits, by `performance.now()`. Called only if the near cache cannot answer. */
  readonly waitsUntil?: () => number;
  /** Skips the near cache: the caller has just asked it, and it had no answer. */
  readonly skipsNear?: boolean;
  /** Makes the read wait for its turn if the entry in Redis is no answer. If undefined, the read does not wait. */
  readonly inTurn?: InTurn;
}

/** @param until_ms when the caller gives up. The work does not begin after that */
export type InTurn = <T>(work: () => Promise<T>, until_ms: number) => Promise<T>;
