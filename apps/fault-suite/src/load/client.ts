import type { Operation } from '../history/operation.ts';
import type { System } from '../system/system.ts';

export interface Keys {
  /** Never deleted by the load. */
  readonly lasting: readonly string[];
  /** Deleted, and inserted again, all the time. */
  readonly mortal: readonly string[];
}

/** What every client of the load works with. */
export interface Scene {
  readonly system: System;
  readonly keys: Keys;
  readonly random: () => number;
  note(operation: Operation): void;
  /** Half of all picks are of a few keys: races need readers and writers of the same key at the same time. */
  pick<Item>(list: readonly Item[]): Item;
  /** Until the load is over, with a random pause between. */
  repeat(pause_ms: number, work: () => Promise<void>): Promise<void>;
}
