/** A server whose defaults are all unusual. */
import { createTestDatabase, startPostgres, type PostgresServer, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entityLoaders } from '../entities/loaders.ts';
import { migrate } from '../migrations/migrate.ts';
import { listProducts } from '../products/lists/page.ts';
import { insertProduct, updateProduct } from '../products/write.ts';
import { insertRow } from '../testing/products.ts';
import { createPool } from './pool.ts';
import { withTransaction } from './transaction.ts';

let server: PostgresServer;
let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  server = await startPostgres({
    config: {
      datestyle: 'SQL, DMY',
      timezone: 'Asia/Kolkata',
      intervalstyle: 'sql_standard',
      bytea_output: 'escape',
      extra_float_digits: '-15',
      default_transaction_isolation: 'serializable',
      default_transaction_deferrable: 'on',
      array_nulls: 'off',
      transform_null_equals: 'on',
      standard_conforming_strings: 'off',
      gin_fuzzy_search_limit: '1',
      plan_cache_mode: 'force_generic_plan',
    },
  });
  database = await createTestDatabase({ serverUrl: server.url });
  await migrate(database.url);
  pool = createPool({ url: database.url, applicationName: 'test', synchronousCommit: 'off' });
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
  await server.stop();
});

test('times, bytes, doubles, intervals and arrays have the usual text', async () => {
  const { rows } = await pool.query(
    `select '2026-02-03 04:05:06+00'::timestamptz as moment, '03/02/2026'::date::text as date, '\\x00ff'::bytea as bytes,
       0.1::float8 + 0.2::float8 as double, '1 day 2 hours'::interval::text as interval, $1::text[] as list,
       $2::text = null as equals`,
    [[null, 'NULL'], null],
  );
  expect(rows).toEqual([
    {
      moment: '2026-02-03T04:05:06.000Z',
      date: '2026-03-02',
      bytes: Buffer.from([0, 255]),
      double: 0.1 + 0.2,
      interval: '1 day 02:00:00',
      list: [null, 'NULL'],
      equals: null,
    },
  ]);
});

test('a statement without a transaction of its own is read committed, and the options of the pool apply too', async () => {
  expect((await pool.query('show transaction_isolation')).rows).toEqual([
    { transaction_isolation: 'read committed' },
  ]);
  expect((await pool.query('show synchronous_commit')).rows).toEqual([{ synchronous_commit: 'off' }]);
});

test('a product is written, read, listed and searched', async () => {
  const { id } = await insertRow(pool, { name: 'Red lamp' });
  const inserted = await withTransaction(pool, (client) =>
    insertProduct(client, {
      sku: 'L-1',
      name: 'Blue lamp',
      description: '',
      brand: 'Acme',
      category: 'lamps',
      gtin: '4006381333931',
      weightGrams: null,
      lengthMm: null,
      widthMm: null,
      heightMm: null,
      priceMinor: 1,
      currency: 'EUR',
      status: 'draft',
      attributes: { ratio: 0.1 },
    }),
  );
  expect(await updateProduct(pool, inserted.id, { priceMinor: 2 }, inserted.version)).toMatchObject({
    priceMinor: 2,
  });
  const loaded = await entityLoaders(pool).product([id, inserted.id]);
  expect([loaded.get(id)?.body?.name, loaded.get(inserted.id)?.body?.attributes]).toEqual([
    'Red lamp',
    { ratio: 0.1 },
  ]);
  const { data } = await listProducts(pool, { status: ['draft'], q: 'lamp', limit: 10 });
  expect(data.map(({ name }) => name)).toEqual(['Red lamp', 'Blue lamp']);
});
