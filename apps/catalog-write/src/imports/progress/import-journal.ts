import type { ImportError, ImportResult } from '@catalog/contracts';
import type { Queryable } from '@catalog/database';

/** What happens to bad records, to SKUs that have a product, and to those without. */
export type ImportRules = Pick<ImportResult, 'mode' | 'onExisting' | 'onMissing'>;

/** The facts of an import that its start records. */
export interface ImportStart extends ImportRules {
  readonly id: string;
  readonly subject: string;
  /** Whose places it takes. A caller may choose its subject. */
  readonly callerKey: string;
}

export interface ImportOutcome {
  readonly state: 'succeeded' | 'rejected';
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly skipped: number;
  readonly failed: number;
  readonly errors: readonly ImportError[];
  /** Only of a dry run. */
  readonly changes: ImportResult['changes'];
}
export type ImportFailure = Pick<ImportOutcome, 'received' | 'failed' | 'errors'>;

/** Where one import writes its progress and its result: an import in Postgres, a dry run in the state Redis. */
export interface ImportJournal {
  /** False when the id is already used. Then nothing was written. */
  start(): Promise<boolean>;
  /** Writes progress. It is also the heartbeat of the import. */
  beat(received: number, failed: number): Promise<void>;
  /** With `client`, this runs in the transaction that applies the records, so that both are committed or neither. */
  finish(outcome: ImportOutcome, client: Queryable): Promise<ImportResult>;
  /** False when the import has in fact succeeded. */
  fail(failure: ImportFailure): Promise<boolean>;
}
