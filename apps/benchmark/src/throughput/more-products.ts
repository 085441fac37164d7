import { loadSql, type Pool } from '@catalog/database';

const sql = loadSql(import.meta.url, './more-products.sql');

/** Adds generated products past the change feed, which has no news of them to spread. @returns their ids */
export async function addProducts(pool: Pool, count: number): Promise<string[]> {
  const client = await pool.connect();
  try {
    // Triggers do not fire: nobody has cached what was not there.
    await client.query('set session_replication_role = replica');
    const { rows } = await client.query<{ id: string }>(sql, [count]);
    return rows.map(({ id }) => id);
  } finally {
    // The setting must not outlive this connection's use.
    client.release(true);
  }
}
