import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { QueryConfig } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool, type Queryable } from '../postgres/pool.ts';
import { withTransaction } from '../postgres/transaction.ts';
import { deleteExpired } from '../retention/delete-expired.ts';
import { insertRow } from '../testing/products.ts';
import { readProductHistory } from './history.ts';

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
beforeEach(async () => {
  await pool.query('truncate catalog.products');
  await pool.query('truncate catalog.product_history, catalog.tombstones');
});

async function historyOf(productId: string, db: Queryable = pool) {
  const history = await readProductHistory(db, { productId, limit: 100 });
  return history?.changes;
}

test('history has every kind of change, newest first, with author, time, and both values of each field', async () => {
  const { id, version } = await insertRow(pool, { sku: 'H-1', name: 'first' });
  await withTransaction(
    pool,
    (client) =>
      client.query('update catalog.products set price_minor = 200, gtin = $1 where id = $2', [
        '4006381333931',
        id,
      ]),
    { changedBy: 'orders' },
  );
  const before = Date.now();
  await pool.query("update catalog.products set name = 'second' where id = $1", [id]);
  await pool.query('delete from catalog.products where id = $1', [id]);
  const changes = await historyOf(id);
  expect(changes?.map(({ operation, changedBy }) => [operation, changedBy])).toEqual([
    ['delete', 'sql'],
    ['update', 'sql'],
    ['update', 'orders'],
    ['create', 'sql'],
  ]);
  const [deleted, renamed, repriced, created] = changes ?? [];
  expect(repriced?.fields).toEqual([
    { field: 'gtin', old: null, new: '4006381333931' },
    { field: 'priceMinor', old: 100, new: 200 },
  ]);
  expect(renamed?.fields).toEqual([{ field: 'name', old: 'first', new: 'second' }]);
  expect(Math.abs(Date.parse(renamed?.changedAt ?? '') - before)).toBeLessThan(60_000);
  expect(deleted?.fields).toHaveLength(14);
  expect(deleted?.fields).toContainEqual({ field: 'name', old: 'second', new: null });
  expect(created?.version).toBe(version);
  // The values at creation, although all of them are gone.
  expect(created?.fields).toHaveLength(14);
  expect(created?.fields).toContainEqual({ field: 'name', old: null, new: 'first' });
  expect(created?.fields).toContainEqual({ field: 'priceMinor', old: null, new: 100 });
  expect(created?.fields).toContainEqual({ field: 'gtin', old: null, new: null });
});

test('the values at creation follow from the later changes', async () => {
  const { id } = await insertRow(pool, { name: 'first', brand: 'Acme' });
  await pool.query("update catalog.products set name = 'second' where id = $1", [id]);
  await pool.query("update catalog.products set name = 'third' where id = $1", [id]);
  const created = (await historyOf(id))?.at(-1);
  expect(created?.fields).toContainEqual({ field: 'name', old: null, new: 'first' });
  expect(created?.fields).toContainEqual({ field: 'brand', old: null, new: 'Acme' });
});

test.each([
  ['sku', 'sku', "'CHANGED'", 'CHANGED'],
  ['name', 'name', "'changed'", 'changed'],
  ['description', 'description', "'changed'", 'changed'],
  ['brand', 'brand', "'changed'", 'changed'],
  ['category', 'category', "'changed'", 'changed'],
  ['gtin', 'gtin', "'96385074'", '96385074'],
  ['weight_grams', 'weightGrams', '5', 5],
  ['length_mm', 'lengthMm', '5', 5],
  ['width_mm', 'widthMm', '5', 5],
  ['height_mm', 'heightMm', '5', 5],
  ['price_minor', 'priceMinor', '5', 5],
  ['currency', 'currency', "'USD'", 'USD'],
  ['status', 'status', "'archived'", 'archived'],
  ['attributes', 'attributes', `'{"a": 1}'`, { a: 1 }],
])('a change of %s alone is a change of that field alone', async (column, field, value, written) => {
  const { id } = await insertRow(pool);
  await pool.query(`update catalog.products set ${column} = ${value} where id = $1`, [id]);
  const [update] = (await historyOf(id)) ?? [];
  expect(update?.fields).toMatchObject([{ field, new: written }]);
});

test('an update that changes nothing has no history', async () => {
  const { id } = await insertRow(pool);
  await pool.query('update catalog.products set name = name where id = $1', [id]);
  expect(await historyOf(id)).toHaveLength(1);
});

test('a change that was rolled back has no history', async () => {
  const { id } = await insertRow(pool);
  await withTransaction(pool, async (client) => {
    await client.query("update catalog.products set name = 'x' where id = $1", [id]);
    throw new Error('undone');
  }).catch(() => undefined);
  expect(await historyOf(id)).toHaveLength(1);
});

test('the author of changes is forgotten at the end of the transaction', async () => {
  const single = createPool({ url: database.url, applicationName: 'test', max: 1 });
  try {
    const { id } = await insertRow(single);
    await withTransaction(single, (client) => client.query("update catalog.products set name = 'a'"), {
      changedBy: 'orders',
    });
    await single.query("update catalog.products set name = 'b'");
    expect((await historyOf(id, single))?.map(({ changedBy }) => changedBy)).toEqual([
      'sql',
      'orders',
      'sql',
    ]);
  } finally {
    await single.end();
  }
});

test('TRUNCATE is recorded as a delete of each product', async () => {
  const rows = [await insertRow(pool), await insertRow(pool)];
  await pool.query('truncate catalog.products');
  for (const { id } of rows) {
    expect((await historyOf(id))?.map(({ operation }) => operation)).toEqual(['delete', 'create']);
  }
});

test('history has pages, and is null for a product that never existed', async () => {
  const { id } = await insertRow(pool);
  for (let name = 1; name <= 4; name++) await pool.query('update catalog.products set name = $1', [name]);
  const first = await readProductHistory(pool, { productId: id, limit: 3 });
  expect([first?.changes.length, first?.nextBefore]).toEqual([3, first?.changes.at(-1)?.version]);
  const beforeVersion = first?.nextBefore;
  const second = await readProductHistory(pool, { productId: id, limit: 3, beforeVersion });
  expect([second?.changes.length, second?.nextBefore]).toEqual([2, undefined]);
  expect(
    await readProductHistory(pool, { productId: '0190c0de-0000-7000-8000-000000000000', limit: 3 }),
  ).toBeNull();
});

test('a page ends at a megabyte, Postgres reads little more for it, and the pages join without gaps', async () => {
  const { id } = await insertRow(pool);
  for (let n = 0; n < 60; n += 1) {
    await pool.query(
      `update catalog.products
       set attributes = (select jsonb_object_agg('k' || k, repeat(chr(97 + $2::int), 1000)) from generate_series(1, 50) k)
       where id = $1`,
      [id, n % 26],
    );
  }
  const queries: number[] = [];
  const query = async (sent: QueryConfig) => {
    const result = await pool.query(sent);
    queries.push(result.rows.length);
    return result;
  };
  const counted = { query } as Queryable;
  const versions: number[] = [];
  let pages = 0;
  for (let beforeVersion: number | undefined; ; pages += 1) {
    queries.length = 0;
    const page = await readProductHistory(counted, { productId: id, limit: 100, beforeVersion });
    versions.push(...(page?.changes.map(({ version }) => version) ?? []));
    expect(JSON.stringify(page?.changes).length).toBeLessThan(1_001_000);
    // Ten changes in a query, of which one fills a tenth of the page.
    expect(queries.length).toBeLessThanOrEqual(2);
    beforeVersion = page?.nextBefore;
    if (beforeVersion === undefined) break;
  }
  const { rows } = await pool.query<{ version: number }>(
    'select version from catalog.product_history where product_id = $1 order by version desc',
    [id],
  );
  expect(versions).toEqual(rows.map(({ version }) => version));
  expect(pages).toBeGreaterThan(4);
});

test('a change that is larger than a page is a page of its own', async () => {
  const { id } = await insertRow(pool);
  await pool.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at, old_values, new_values)
     select $1, nextval('catalog.versions'), 'update', 'test', clock_timestamp(), '{}', jsonb_build_object('name', repeat('x', 1200000))
     from generate_series(1, 2)`,
    [id],
  );
  const first = await readProductHistory(pool, { productId: id, limit: 100 });
  expect(first?.changes).toHaveLength(1);
  const second = await readProductHistory(pool, {
    productId: id,
    limit: 100,
    beforeVersion: first?.nextBefore,
  });
  expect(second?.changes).toHaveLength(1);
  const third = await readProductHistory(pool, {
    productId: id,
    limit: 100,
    beforeVersion: second?.nextBefore,
  });
  expect(third?.changes.map(({ operation }) => operation)).toEqual(['create']);
  expect(third?.nextBefore).toBeUndefined();
});

test('a create reads its first thousands of later changes, and leaves out the fields that these do not tell', async () => {
  const { id, version } = await insertRow(pool, { name: 'first' });
  await pool.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at, old_values, new_values)
     select $1, nextval('catalog.versions'), 'update', 'test', clock_timestamp(), jsonb_build_object('priceMinor', n), '{}'
     from generate_series(1, 5001) n`,
    [id],
  );
  await pool.query("update catalog.products set name = 'second' where id = $1", [id]);
  const created = async () => {
    const page = await readProductHistory(pool, { productId: id, limit: 1, beforeVersion: version + 1 });
    return page?.changes[0]?.fields;
  };
  expect(await created()).toEqual([{ field: 'priceMinor', old: null, new: 1 }]);
  // Large values are packed, and take long to read.
  await pool.query("delete from catalog.product_history where operation = 'update'");
  await pool.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at, old_values, new_values)
     select $1, $2::bigint + n, 'update', 'test', clock_timestamp(), jsonb_build_object('description', repeat(n || ' ', 5000)), '{}'
     from generate_series(1, 251) n`,
    [id, version],
  );
  expect((await created())?.map(({ field }) => field)).toEqual(['description']);
  await pool.query(
    `delete from catalog.product_history where product_id = $1 and version = $2::bigint + 251`,
    [id, version],
  );
  expect(await created()).toHaveLength(14);
});

test('history cannot be rewritten, not even by its owner', async () => {
  await insertRow(pool);
  await expect(pool.query("update catalog.product_history set changed_by = 'somebody else'")).rejects.toThrow(
    /append-only/,
  );
  const write = createPool({ url: database.urlFor('catalog_write'), applicationName: 'test' });
  try {
    await expect(write.query('delete from catalog.product_history')).rejects.toMatchObject({ code: '42501' });
  } finally {
    await write.end();
  }
});

test('nothing is known of a product after retention has taken its history and its tombstone', async () => {
  const { id } = await insertRow(pool);
  await pool.query('delete from catalog.products');
  expect(await historyOf(id)).toHaveLength(2);
  await pool.query("update catalog.tombstones set deleted_at = deleted_at - interval '25 hours'");
  await deleteExpired(
    pool,
    { tombstones_s: 86_400, idempotencyKeys_s: 86_400, imports_s: 86_400, actions_s: 86_400 },
    100,
  );
  expect(await historyOf(id)).toHaveLength(2);
  await pool.query('truncate catalog.product_history');
  expect(await historyOf(id)).toBeUndefined();
});
