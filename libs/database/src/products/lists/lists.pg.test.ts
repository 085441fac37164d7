/** What the triggers keep up to date whoever changes a product: tidy names, counts and search words. */
import { productCreateSchema, productFilterSchema } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../../postgres/pool.ts';
import { insertRow } from '../../testing/products.ts';
import { joinProductCounts } from './counts.ts';
import { countFacets } from './facets.ts';
import { ListOrder, usualSort } from './order.ts';
import { listProducts } from './page.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  pool = createPool({ url: database.url, applicationName: 'test' });
});
beforeEach(() => pool.query('truncate catalog.products'));
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const filter = (query: object) => productFilterSchema.parse(query);
const found = async (q: string) =>
  (await listProducts(pool, { ...filter({ q, status: 'draft' }), limit: 10 })).data.map(({ sku }) => sku);

test.each([
  ['Cafe\u0301  Noir ', 'Caf\u00e9 Noir'],
  ['\u00a0a\u3000\tb\n', 'a b'],
  ['plain text', 'plain text'],
])('the name %j is stored as %j by the API and by a person in SQL', async (given, stored) => {
  const sample = { sku: 'X', brand: 'b', category: 'c', priceMinor: 1, currency: 'EUR' };
  expect(productCreateSchema.parse({ ...sample, name: given }).name).toBe(stored);
  const { id, version } = await insertRow(pool, { name: given, brand: given, category: given });
  const read = () =>
    pool.query('select name, brand, category, version from catalog.products where id = $1', [id]);
  expect((await read()).rows).toEqual([{ name: stored, brand: stored, category: stored, version }]);
  // The same name in another spelling is no change.
  await pool.query('update catalog.products set name = $2::text, brand = $2::text where id = $1', [
    id,
    given,
  ]);
  expect((await read()).rows).toEqual([{ name: stored, brand: stored, category: stored, version }]);
});

test('search words follow a product that is renamed, deleted and inserted again', async () => {
  const { id, sku } = await insertRow(pool, { name: 'Desk lamp' });
  expect(await found('lamp')).toEqual([sku]);
  await pool.query(`update catalog.products set name = 'Chair' where id = $1`, [id]);
  expect([await found('lamp'), await found('chair')]).toEqual([[], [sku]]);
  await pool.query('delete from catalog.products where id = $1', [id]);
  expect(await found('chair')).toEqual([]);
  await insertRow(pool, { id, sku, name: 'Lamp' });
  expect(await found('lamp')).toEqual([sku]);
  await pool.query('truncate catalog.products');
  const { rows } = await pool.query('select count(*) from catalog.product_search');
  expect(rows).toEqual([{ count: 0 }]);
});

test('counts are those of the table after any change, joined or not, also of writers at the same time', async () => {
  const compare = async () => {
    const { rows } = await pool.query(`
      select brand, category, status, sum(products)::bigint as n from catalog.product_counts
      group by brand, category, status having sum(products) <> 0
      except select brand, category, status, count(*) from catalog.products group by status, cube (brand, category)`);
    const { rows: missing } = await pool.query(`
      select brand, category, status, count(*) as n from catalog.products group by status, cube (brand, category)
      except select brand, category, status, sum(products)::bigint from catalog.product_counts group by 1, 2, 3`);
    expect([rows, missing]).toEqual([[], []]);
  };
  await pool.query(`
    insert into catalog.products (sku, name, brand, category, price_minor, currency)
    select n::text, 'x', 'b' || n % 3, 'c' || n % 2, 1, 'EUR' from generate_series(1, 60) n`);
  await compare();
  await Promise.all([
    ...[0, 1, 2].map((brand) =>
      pool.query(`update catalog.products set status = 'active', brand = 'b9' where brand = $1`, [
        `b${brand}`,
      ]),
    ),
    ...Array.from({ length: 5 }, () => joinProductCounts(pool)),
    pool.query(`delete from catalog.products where sku < '3'`),
  ]);
  await compare();
  await joinProductCounts(pool);
  await compare();
  const { rows } = await pool.query(
    'select count(*) from catalog.product_counts group by brand, category, status',
  );
  expect(rows.every(({ count }) => count === 1)).toBe(true);
  expect((await countFacets(pool, filter({}))).data.brand).toEqual([{ value: 'b9', count: 38 }]);
  await pool.query('truncate catalog.products');
  await compare();
});

test('after a mass change a call joins so many rows and no more, and further calls join the rest', async () => {
  await pool.query(`
    insert into catalog.product_counts (brand, category, status, products)
    select 'b' || n % 10, null, 'active', 1 from generate_series(1, 100000) n`);
  const rows = async () => {
    const { rows } = await pool.query<{ all: number; sum: number }>(
      'select count(*) as all, sum(products)::integer as sum from catalog.product_counts',
    );
    return rows[0];
  };
  const join = async (most: number) =>
    (await pool.query<{ fewer: number }>('select catalog.join_product_counts($1) as fewer', [most])).rows[0]
      ?.fewer;
  expect(await join(5_000)).toBeLessThanOrEqual(5_000);
  expect((await rows())?.all).toBeGreaterThanOrEqual(95_000);
  let calls = 0;
  while ((await rows())?.all !== 10 && calls < 200) {
    await join(5_000);
    calls += 1;
  }
  expect(calls).toBeGreaterThan(10);
  expect(await rows()).toEqual({ all: 10, sum: 100_000 });
  await pool.query('truncate catalog.product_counts');
});

test('Postgres reads every time that is accepted as the end of a page', async () => {
  const id = '00000000-0000-7000-8000-000000000000';
  const passes = (time: string) => new ListOrder(usualSort).accepts([time, id]);
  const times = [
    ...['0000', '0001', '1970', '9999', '12026', '294275', '294276', '294277', '999999'].map(
      (year) => `${year}-12-31 23:59:59.999999+00`,
    ),
    '2024-02-29 00:00:00+00',
    '2023-02-29 00:00:00+00',
    'infinity',
    'now',
  ];
  for (const time of times.filter(passes)) await pool.query('select $1::timestamptz::text', [time]);
  expect(times.filter(passes)).toHaveLength(7);
});
