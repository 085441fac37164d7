import type { SetBack } from '../history/set-back.ts';
import type { Load } from '../load/load.ts';
import type { Keys } from '../load/client.ts';
import type { System } from '../system/system.ts';

/** What a row gets to work with. */
export interface Stage {
  readonly system: System;
  readonly keys: Keys;
  readonly load: Load;
  readonly random: () => number;
  /** The rows multiply the long waits of the fault matrix by this number: 0 to 1. */
  readonly patience: number;
  /** Whether this run belongs to a soak, which runs each row many times. */
  readonly soak: boolean;
  /** Tells the checker when Postgres went back to an older state, and which version of each key is left. */
  noteSetBack(setBack: SetBack): void;
  /** Adds a text to the report. */
  observe(text: string): void;
  /** An expectation of the row beyond the invariants. The row fails if it does not hold. */
  expect(holds: boolean, text: string): void;
}

export interface Row {
  /** Its number in the fault matrix. */
  readonly id: string;
  readonly fault: string;
  readonly injected: string;
  /** `npm test` runs it. */
  readonly quick?: true;
  /**
   * `same`: the row also runs with `--cluster`. `only`: it runs only with `--cluster`. Without a value, the row runs there only if
   * `--row` names it.
   */
  readonly onCluster?: 'same' | 'only';
  /** It runs on a system whose Postgres has standbys, and an address that a failover moves. */
  readonly replicated?: true;
  /** The load stops before the fault, for instance because the row deletes every key. */
  readonly withoutLoad?: true;
  /** Why it cannot run while the change slot is the source of changes. */
  readonly outboxOnly?: string;
  /** The share of the reads that must succeed. 0.999, unless the row takes both caches and Postgres away. */
  readonly readsThatSucceed?: number;
  /** The reason why it cannot run on this machine, and what to do about it; undefined if it can. */
  impossible?(): Promise<string | undefined>;
  /** Injects the fault, and resolves when it is gone. */
  inject(stage: Stage): Promise<void>;
}
