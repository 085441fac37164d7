import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

const sql = loadSql(import.meta.url, './pass.sql');

/** The lock that guarded this work ended while it was under way, and somebody else has it. */
export class LockLost extends Error {
  override readonly name = 'LockLost';
}

/**
 * The first statement of a transaction that a lock guards: from here to its end nobody with an earlier token writes.
 *
 * @throws LockLost where a later holder of the lock has been here
 */
export async function passFence(client: Queryable, lock: string, fence: number): Promise<void> {
  const { rows } = await client.query(sql, [lock, fence]);
  if (rows.length === 0) throw new LockLost(`a later holder of the lock ${lock} has written already`);
}
