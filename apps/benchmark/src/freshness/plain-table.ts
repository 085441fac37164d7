import { loadSql } from '@catalog/database';
import type { BenchStack } from '../stack/bench-stack.ts';

const sql = loadSql(import.meta.url, './plain-table.sql');

/** Copies the demo catalog to `catalog.plain` in the database `peers`, with the trigger of the plain chain. */
export async function createPlainTable({
  catalog,
  peers,
}: Pick<BenchStack, 'catalog' | 'peers'>): Promise<void> {
  await peers.query(sql);
  const { rows } = await catalog.query<{ rows: string }>(
    'select json_agg(p)::text as rows from catalog.products p',
  );
  await peers.query(
    'insert into catalog.plain select * from json_populate_recordset(null::catalog.plain, $1::json)',
    [rows[0]?.rows],
  );
  await peers.query('vacuum analyze catalog.plain');
}
