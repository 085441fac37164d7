import type pg from 'pg';
import type { Queryable } from './pool.ts';

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

const begin = {
  'read committed': 'begin isolation level read committed',
  'repeatable read': 'begin isolation level repeatable read',
  serializable: 'begin isolation level serializable',
} as const satisfies Record<Isolation, string>;

export interface TransactionOptions {
  readonly isolation?: Isolation;
  /** Whom the history names for what the transaction changes; `sql` unless set. */
  readonly changedBy?: string | undefined;
}

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws. A connection that cannot
 * even roll back is thrown away, so that nobody inherits its transaction.
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin[options.isolation ?? 'read committed']);
    if (options.changedBy !== undefined) await setChangedBy(client, options.changedBy);
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    try {
      await client.query('rollback');
    } catch (rollbackError) {
      broken = rollbackError instanceof Error ? rollbackError : new Error(String(rollbackError));
    }
    throw error;
  } finally {
    client.release(broken);
  }
}

/** For the rest of the transaction that `client` is in. */
export async function setChangedBy(client: Queryable, changedBy: string): Promise<void> {
  await client.query("select set_config('catalog.changed_by', $1, true)", [changedBy]);
}
