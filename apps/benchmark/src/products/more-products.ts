import { loadSql, type Pool } from '@catalog/database';

const sql = loadSql(import.meta.url, './more-products.sql');

/** Adds generated products without the change feed. @returns their ids */
export async function addProducts(pool: Pool, count: number): Promise<string[]> {
  const client = await pool.connect();
  try {
    // Triggers do not fire. No cache holds these products yet, so no invalidation is lost.
    await client.query('set session_replication_role = replica');
    const { rows } = await client.query<{ id: string }>(sql, [count]);
    return rows.map(({ id }) => id);
  } finally {
    // Close the connection, because the setting must not reach its next user.
    client.release(true);
  }
}
