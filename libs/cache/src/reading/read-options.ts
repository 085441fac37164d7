export interface ReadOptions {
  /** A cache that holds a lower version does not answer. If the answer is still lower, Postgres holds nothing newer. */
  readonly minVersion?: number;
  /** Called before `minVersion` makes the read bypass the caches. It may throw to refuse that. */
  readonly beforeBypass?: () => void | Promise<void>;
  /** How long the caller waits, by `performance.now()`. Called only if the near cache cannot answer. */
  readonly waitsUntil?: () => number;
  /** The caller has just asked the near cache, which had no answer. */
  readonly isFar?: boolean;
  /** Lets the read wait for its turn before it needs more than the entry in Redis. Unless set, it goes on at once. */
  readonly inTurn?: InTurn;
}

/** @param until_ms when the caller gives up. The work does not begin after that */
export type InTurn = <T>(work: () => Promise<T>, until_ms: number) => Promise<T>;
