import type { Load } from '../load/load.ts';
import type { Keys } from '../load/client.ts';
import type { System } from '../system/system.ts';

/** What a row works with while the load runs. */
export interface Stage {
  readonly system: System;
  readonly keys: Keys;
  readonly load: Load;
  readonly random: () => number;
  /** Part of the long times of the matrix that is waited for: 1 for all of it. */
  readonly patience: number;
  /** It is one of many runs, of which each is short and none is like another. */
  readonly soak: boolean;
  /** Something that was seen, for the report. */
  observe(text: string): void;
  /** An expectation of the row beyond the invariants; what is false fails the row. */
  expect(holds: boolean, text: string): void;
}

export interface Row {
  /** As in the fault matrix. */
  readonly id: string;
  readonly fault: string;
  readonly injected: string;
  /** Part of the subset that `npm test` runs. */
  readonly quick?: true;
  /** A soak spends a fifth of its runs on rows of this kind: they are chances, and need many. */
  readonly often?: true;
  /** Its load is stopped before it begins: it takes every key away. */
  readonly withoutLoad?: true;
  /** Part of reads that must succeed; 0.999 unless the row takes both caches and Postgres away. */
  readonly readsThatSucceed?: number;
  /** Why this machine cannot show it, if it cannot. */
  impossible?(): Promise<string | undefined>;
  /** Injects the fault, and resolves when it is gone. */
  inject(stage: Stage): Promise<void>;
}
