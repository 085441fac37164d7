import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { withTransaction } from '../postgres/transaction.ts';
import { makeHistoryPartitions } from '../retention/history-partitions.ts';
import { insertRow } from '../testing/products.ts';
import { readLastChanges } from './last-changes.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({ url: database.url, applicationName: 'test' });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

async function lastChangeOf(id: string) {
  const [change] = await readLastChanges(pool, [id]);
  return change;
}

test('the last change names who made it and the fields with both values', async () => {
  const { id, sku, version } = await insertRow(pool, { name: 'first' });
  expect(await lastChangeOf(id)).toMatchObject({
    productId: id,
    sku,
    name: 'first',
    currency: 'EUR',
    version,
    operation: 'create',
    changedBy: 'sql',
    fields: [],
  });
  await pool.query("update catalog.products set brand = 'Other' where id = $1", [id]);
  await withTransaction(
    pool,
    (client) =>
      client.query("update catalog.products set price_minor = 200, name = 'second' where id = $1", [id]),
    { changedBy: 'console:ann' },
  );
  expect(await lastChangeOf(id)).toMatchObject({
    operation: 'update',
    changedBy: 'console:ann',
    fields: [
      { field: 'name', old: 'first', new: 'second' },
      { field: 'priceMinor', old: 100, new: 200 },
    ],
  });
});

test('a long value is left out, and its field is named', async () => {
  const { id } = await insertRow(pool, { description: 'short' });
  await pool.query('update catalog.products set description = $1 where id = $2', ['x'.repeat(1_000), id]);
  expect((await lastChangeOf(id))?.fields).toEqual([{ field: 'description', old: 'short' }]);
});

test('several products are read at once; one that was deleted or never existed is missing', async () => {
  const kept = [await insertRow(pool), await insertRow(pool)];
  const gone = await insertRow(pool);
  await pool.query('delete from catalog.products where id = $1', [gone.id]);
  const ids = [...kept, gone].map(({ id }) => id);
  const changes = await readLastChanges(pool, [...ids, '0190c0de-0000-7000-8000-000000000000']);
  expect(new Set(changes.map(({ productId }) => productId))).toEqual(new Set(ids.slice(0, 2)));
});

interface Node {
  readonly 'Relation Name'?: string;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Node[];
}

test('Postgres looks only into the days of the history in which the products were changed', async () => {
  await makeHistoryPartitions(pool, 5);
  const { id } = await insertRow(pool);
  // Postgres does not find the change early, and would go on to the other days.
  await pool.query('delete from catalog.product_history where product_id = $1', [id]);
  await pool.query('analyze');
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Node }] }>({
    text: ['explain (analyze, timing off, format json)', loadSql(import.meta.url, './last-changes.sql')].join(
      '\n',
    ),
    values: [[id], 100],
  });
  const all = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(all)];
  const read = all(rows[0]?.['QUERY PLAN'][0].Plan as Node).filter(
    (node) => node['Relation Name']?.startsWith('product_history') === true && node['Actual Loops'] > 0,
  );
  expect(read).toHaveLength(1);
});
