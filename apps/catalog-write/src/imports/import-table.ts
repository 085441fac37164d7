import type { ImportError, ImportResult, importModes } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';
import type { Pool } from 'pg';
import { importLimits } from './limits.ts';

export type ImportMode = (typeof importModes)[number];
export interface ImportOutcome {
  readonly state: 'succeeded' | 'rejected';
  readonly received: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly errors: readonly ImportError[];
}

const sql = {
  start: loadSql(import.meta.url, './sql/progress-start.sql'),
  beat: loadSql(import.meta.url, './sql/progress-beat.sql'),
  finish: loadSql(import.meta.url, './sql/progress-finish.sql'),
  fail: loadSql(import.meta.url, './sql/progress-fail.sql'),
  read: loadSql(import.meta.url, './sql/progress-read.sql'),
  abandoned: loadSql(import.meta.url, './sql/progress-abandoned.sql'),
};

/** False when an import with this id exists already. */
export async function startImport(
  database: Queryable,
  start: { id: string; subject: string; mode: ImportMode; dryRun: boolean },
): Promise<boolean> {
  const { rowCount } = await database.query(sql.start, [start.id, start.subject, start.mode, start.dryRun]);
  return rowCount === 1;
}

export async function beat(database: Queryable, id: string, received: number, failed: number): Promise<void> {
  await database.query(sql.beat, [id, received, failed]);
}

/** In the transaction that applies the records, so that both are true or neither. */
export async function finishImport(
  database: Queryable,
  id: string,
  outcome: ImportOutcome,
): Promise<ImportResult> {
  const { state, received, created, updated, unchanged, failed, errors } = outcome;
  const values = [id, state, received, created, updated, unchanged, failed, JSON.stringify(errors)];
  const { rows } = await database.query<ImportResult>(sql.finish, values);
  const [result] = rows;
  if (result === undefined) throw new Error(`the import ${id} has no row`);
  return result;
}

/** False when it is not running any more: its transaction had committed, although we were not told. */
export async function failImport(
  database: Queryable,
  id: string,
  { received, failed, errors }: Pick<ImportOutcome, 'received' | 'failed' | 'errors'>,
): Promise<boolean> {
  const { rowCount } = await database.query(sql.fail, [id, received, failed, JSON.stringify(errors)]);
  return rowCount === 1;
}

export async function readImport(pool: Pool, id: string): Promise<ImportResult | null> {
  await failAbandonedImports(pool);
  const { rows } = await pool.query<ImportResult>(sql.read, [id]);
  return rows[0] ?? null;
}

/** An import whose process died would run for ever. */
async function failAbandonedImports(pool: Pool): Promise<void> {
  await pool.query(sql.abandoned, [importLimits.abandoned_ms]);
}
