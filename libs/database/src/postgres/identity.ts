import type { Queryable } from './pool.ts';
import { loadSql } from './sql.ts';

const identity = loadSql(import.meta.url, './identity.sql');

/**
 * The part of Postgres in the incarnation of the stores. Another server, another database, and a promotion or restore,
 * which starts a new timeline, have another identity.
 */
export async function databaseIdentity(db: Queryable): Promise<string> {
  const { rows } = await db.query<{ identity: string }>(identity);
  if (rows[0] === undefined) throw new Error('Postgres answered no row for its identity');
  return rows[0].identity;
}
