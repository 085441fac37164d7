import type { ImportError, ImportResult, importModes } from '@catalog/contracts';
import type { Queryable } from '@catalog/database';

export type ImportMode = (typeof importModes)[number];

/** What is known of an import from its beginning. */
export interface ImportStart {
  readonly id: string;
  readonly subject: string;
  readonly mode: ImportMode;
}

export interface ImportOutcome {
  readonly state: 'succeeded' | 'rejected';
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly errors: readonly ImportError[];
}
export type ImportFailure = Pick<ImportOutcome, 'received' | 'failed' | 'errors'>;

/** Where one import tells how far it is, and what became of it: imports in Postgres, dry runs in the state Redis. */
export interface ImportJournal {
  /** False when the id is taken; then nothing was written. */
  start(): Promise<boolean>;
  /** Progress, and a sign of life. */
  beat(received: number, failed: number): Promise<void>;
  /** With `client`, in the transaction that applies the records, so that both are true or neither. */
  finish(outcome: ImportOutcome, client: Queryable): Promise<ImportResult>;
  /** False when the import turns out to have succeeded. */
  fail(failure: ImportFailure): Promise<boolean>;
}
