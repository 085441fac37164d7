import type { Operation } from '../history/operation.ts';
import type { System } from '../system/system.ts';

export interface Keys {
  /** The load never deletes these. */
  readonly lasting: readonly string[];
  /** The load deletes these and inserts them again, all the time. */
  readonly shortLived: readonly string[];
}

/** What every client of the load gets. */
export interface Scene {
  readonly system: System;
  readonly keys: Keys;
  readonly random: () => number;
  /** Adds an operation to the history. */
  record(operation: Operation): void;
  /** Half of all picks take one of a few keys. A race needs a reader and a writer of the same key at the same time. */
  pick<Item>(list: readonly Item[]): Item;
  /** Repeats `work` until the load is over, with a random pause between. */
  repeat(pause_ms: number, work: () => Promise<void>): Promise<void>;
}
