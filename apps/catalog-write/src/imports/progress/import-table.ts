import type { ImportResult } from '@catalog/contracts';
import { loadSql, type Queryable } from '@catalog/database';
import type { Pool } from 'pg';
import type { ImportFailure, ImportJournal, ImportOutcome, ImportStart } from './import-journal.ts';
import { importLimits } from '../limits.ts';

const sql = {
  start: loadSql(import.meta.url, './sql/start.sql'),
  beat: loadSql(import.meta.url, './sql/beat.sql'),
  finish: loadSql(import.meta.url, './sql/finish.sql'),
  fail: loadSql(import.meta.url, './sql/fail.sql'),
  read: loadSql(import.meta.url, './sql/read.sql'),
  abandoned: loadSql(import.meta.url, './sql/fail-abandoned.sql'),
};

/** The row of one import in `catalog.imports`. */
export class ImportRow implements ImportJournal {
  readonly #pool: Pool;
  readonly #start: ImportStart;

  constructor(pool: Pool, start: ImportStart) {
    this.#pool = pool;
    this.#start = start;
  }

  async start(): Promise<boolean> {
    const { id, subject, mode, onExisting, onMissing } = this.#start;
    const { rowCount } = await this.#pool.query(sql.start, [id, subject, mode, onExisting, onMissing]);
    return rowCount === 1;
  }

  async beat(received: number, failed: number): Promise<void> {
    await this.#pool.query(sql.beat, [this.#start.id, received, failed]);
  }

  async finish(outcome: ImportOutcome, client: Queryable): Promise<ImportResult> {
    const { id } = this.#start;
    const { state, received, created, updated, unchanged, skipped, failed, errors } = outcome;
    const values = [
      id,
      state,
      received,
      created,
      updated,
      unchanged,
      failed,
      JSON.stringify(errors),
      skipped,
    ];
    const { rows } = await client.query<ImportResult>(sql.finish, values);
    const [result] = rows;
    if (result === undefined) throw new Error(`the import ${id} has no row in catalog.imports`);
    return result;
  }

  /** When the answer to a commit got lost, the import has succeeded and is no longer running. */
  async fail({ received, failed, errors }: ImportFailure): Promise<boolean> {
    const { id } = this.#start;
    const { rowCount } = await this.#pool.query(sql.fail, [id, received, failed, JSON.stringify(errors)]);
    return rowCount === 1 || (await readImport(this.#pool, id))?.state !== 'succeeded';
  }
}

export async function readImport(db: Queryable, id: string): Promise<ImportResult | null> {
  await failAbandonedImports(db);
  const { rows } = await db.query<ImportResult>(sql.read, [id]);
  return rows[0] ?? null;
}

/** Without this, an import whose process died would stay in the state "running" for ever. */
async function failAbandonedImports(db: Queryable): Promise<void> {
  await db.query(sql.abandoned, [importLimits.abandoned_ms]);
}
