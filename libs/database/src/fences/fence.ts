import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './pass.sql');

/** The lock that guarded this work expired meanwhile, and a later holder has written. */
export class LockLost extends Error {
  override readonly name = 'LockLost';
}

/**
 * Must be the first statement of a transaction that a lock guards. Until the transaction ends, no holder of an earlier
 * token can write.
 *
 * @throws LockLost if a later holder of the lock has passed already
 */
export async function passFence(client: Queryable, lock: string, fence: number): Promise<void> {
  const { rows } = await client.query(sql, [lock, fence]);
  if (rows.length === 0) throw new LockLost(`a later holder of the lock ${lock} has written already`);
}
