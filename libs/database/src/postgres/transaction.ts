import type pg from 'pg';

export type Isolation = 'read committed' | 'repeatable read' | 'serializable';

const begin = {
  'read committed': 'begin isolation level read committed',
  'repeatable read': 'begin isolation level repeatable read',
  serializable: 'begin isolation level serializable',
} as const satisfies Record<Isolation, string>;

/**
 * Runs `work` in one transaction: committed when it returns, rolled back when it throws. A connection that cannot
 * even roll back is thrown away, so that nobody inherits its transaction.
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
  options: { isolation?: Isolation } = {},
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(begin[options.isolation ?? 'read committed']);
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
