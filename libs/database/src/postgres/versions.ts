import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const versionReached = loadSql(import.meta.url, './versions.sql');

/** Whether a version has been drawn at all: one that has not cannot be waited for, whoever asks for it. */
export async function readVersionReached(db: Queryable, version: number): Promise<boolean> {
  const { rows } = await db.query<{ reached: boolean }>(versionReached, [version]);
  return rows[0]?.reached === true;
}
