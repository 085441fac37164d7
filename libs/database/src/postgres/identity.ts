import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const identity = loadSql(import.meta.url, './identity.sql');

/**
 * Names one life of one database: another server, another database, or a promotion or restore (which starts a new
 * timeline) has another name.
 */
export async function databaseIdentity(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ identity: string }>(identity);
  if (rows[0] === undefined) throw new Error('Postgres did not say who it is');
  return rows[0].identity;
}
