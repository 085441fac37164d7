/** What Postgres itself refuses, no matter who writes. The API refuses the same earlier, with better messages. */
import { currencyCodes, isValidGtin, productSchema } from '@catalog/contracts';
import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { insertRow } from '../testing/products.ts';
import { violations } from './violations.ts';
import { insertProduct, updateProduct } from './write.ts';

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

const long = (length: number) => 'x'.repeat(length);
const attributes = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, 1]));

test.each<[constraint: string, column: string, values: unknown[]]>([
  ['products_sku_format', 'sku', ['', long(65), ' A', 'A ', 'A\tB', 'Ä', 'A\u0000'.slice(0, 1) + '\u007f']],
  ['products_name_length', 'name', ['', '   ', long(301)]],
  ['products_description_length', 'description', [long(10_001)]],
  ['products_brand_length', 'brand', ['', ' ', long(201)]],
  ['products_category_length', 'category', ['', ' ', long(201)]],
  [
    'products_gtin_check_digit',
    'gtin',
    ['', '4006381333932', '123', '400638133393a', '04006381333931 ', '1'.repeat(15)],
  ],
  ['products_weight_grams_range', 'weight_grams', [-1]],
  ['products_length_mm_range', 'length_mm', [0, 100_001]],
  ['products_width_mm_range', 'width_mm', [0, 100_001]],
  ['products_height_mm_range', 'height_mm', [0, 100_001]],
  ['products_price_minor_range', 'price_minor', [-1, '9007199254740992']],
  ['products_currency_known', 'currency', ['eur', 'EU', 'EURO', '', 'ABC', 'ED ', ' EU', 'DEM']],
  ['products_status_known', 'status', ['', 'deleted']],
  [
    'products_attributes_flat',
    'attributes',
    [
      '[]',
      '1',
      { a: {} },
      { a: [] },
      { a: null },
      { '': 1 },
      { '1a': 1 },
      { constructor: 1 },
      '{"__proto__": 1}',
      { [long(65)]: 1 },
      attributes(101),
    ],
  ],
])('%s refuses what is wrong in %s', async (constraint, column, values) => {
  for (const value of values) {
    await expect(insertRow(pool, { [column]: value }), JSON.stringify(value)).rejects.toMatchObject({
      constraint,
    });
  }
});

test('values at the edge of every rule are taken', async () => {
  const edges = [
    { sku: '!' },
    { sku: `~${long(62)}~` },
    { name: long(300), description: long(10_000), brand: long(200), category: long(200) },
    { gtin: '4006381333931' },
    { gtin: '96385074' },
    { gtin: null, weight_grams: 0, length_mm: 1, width_mm: 100_000, height_mm: null },
    { price_minor: 0 },
    { price_minor: '9007199254740991' },
    { attributes: attributes(100) },
    { attributes: { [`a${long(63)}`]: 'text', 'a_.-1': true, b: 1.5 } },
  ];
  for (const edge of edges) expect(await insertRow(pool, edge)).toHaveProperty('id');
});

test('Postgres and the contract agree on the GS1 check digit', async () => {
  const digits = fc
    .array(fc.integer({ min: 0, max: 9 }), { minLength: 6, maxLength: 15 })
    .map((list) => list.join(''));
  await fc.assert(
    fc.asyncProperty(fc.array(digits, { minLength: 50, maxLength: 50 }), async (gtins) => {
      const { rows } = await pool.query<{ gtin: string; valid: boolean }>(
        'select gtin, catalog.is_valid_gtin(gtin) as valid from unnest($1::text[]) gtin',
        [gtins],
      );
      for (const { gtin, valid } of rows) expect(valid, gtin).toBe(isValidGtin(gtin));
    }),
    { numRuns: 40 },
  );
});

test('Postgres and the contract know the same currencies', async () => {
  const { rows } = await pool.query<{ code: string }>(
    `select a || b || c as code
     from regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZ ', '') a, regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZ ', '') b,
       regexp_split_to_table('ABCDEFGHIJKLMNOPQRSTUVWXYZ ', '') c
     where catalog.is_currency(a || b || c) order by 1`,
  );
  expect(rows.map(({ code }) => code)).toEqual(currencyCodes);
});

test('each constraint that a client can meet has a message, and no message is for a constraint that is gone', async () => {
  const { rows } = await pool.query<{ name: string }>(
    `select conname as name from pg_constraint
     where (conrelid in ('catalog.products'::regclass, 'catalog.settings'::regclass)
         or contypid in (select atttypid from pg_attribute where attrelid = 'catalog.products'::regclass))
       and contype in ('c', 'u')
       -- No client writes these columns.
       and conname not in ('settings_one_row', 'moment_has_iso_form', 'resource_id_is_rfc_9562')`,
  );
  expect(rows.map(({ name }) => name).sort()).toEqual(Object.keys(violations).sort());
});

const valid = {
  sku: 'W-1',
  name: 'a thing',
  description: '',
  brand: 'Acme',
  category: 'things',
  gtin: null,
  weightGrams: null,
  lengthMm: null,
  widthMm: null,
  heightMm: null,
  priceMinor: 100,
  currency: 'EUR',
  status: 'active',
  attributes: { colour: 'red', size: 3 },
} as const;

test('a write that Postgres refuses names the field; one of a used SKU has its own code', async () => {
  await insertProduct(pool, valid);
  await expect(insertProduct(pool, valid)).rejects.toMatchObject({ code: 'sku_taken' });
  await expect(insertProduct(pool, { ...valid, sku: 'W-2', gtin: '4006381333932' })).rejects.toMatchObject({
    code: 'invalid_request',
    errors: [{ pointer: '/gtin' }],
  });
});

test('a patch merges attributes key by key, and is refused if the version is another', async () => {
  const { id, version } = await insertProduct(pool, { ...valid, sku: 'W-3' });
  const patch = { attributes: { size: null, weight: 'heavy' }, priceMinor: 5 };
  const patched = await updateProduct(pool, id, patch, version);
  expect(patched).toMatchObject({ priceMinor: 5, attributes: { colour: 'red', weight: 'heavy' } });
  const current = (patched as { version: number }).version;
  expect(await updateProduct(pool, id, { priceMinor: 6 }, version)).toEqual({ changed: current });
  expect(await updateProduct(pool, '00000000-0000-7000-8000-000000000000', { priceMinor: 6 }, '*')).toBe(
    'missing',
  );
});

test('Postgres takes attributes exactly when the contract takes them', async () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'Z', '0', '_', '.', '-'), maxLength: 70 });
  const key = fc.oneof(word, fc.string({ maxLength: 5, unit: 'binary' }), fc.constant('constructor'));
  const scalar = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({ unit: fc.constantFrom('a', '😀'), minLength: 990, maxLength: 1_010, size: 'max' }),
    word,
    fc.constantFrom('", "b": {}', '\\', '\\"', 'x": 1', '\n'),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
  );
  const anything = fc.oneof(
    { weight: 12, arbitrary: scalar },
    fc.constantFrom(null, [], {}, [1], { a: 1 }, { a: { b: 1 } }),
  );
  const goodKey = word.map((rest) => `k${rest}`.slice(0, 64));
  const values = fc.oneof(
    fc.dictionary(goodKey, scalar, { maxKeys: 4 }),
    fc.dictionary(key, anything, { maxKeys: 4 }),
    fc.integer({ min: 97, max: 103 }).map(attributes),
    fc.constantFrom(null, [], 'a', 1, true),
  );
  const isFlat = (value: unknown): boolean => productSchema.shape.attributes.safeParse(value).success;
  // A jsonb holds neither NUL nor lone surrogates. In an object literal, __proto__ is no key.
  const storable = (value: unknown) => !/\\u0000|\\ud[89a-f]|__proto__/i.test(JSON.stringify(value));
  const samples = fc.sample(values, 5_000).filter(storable);
  const { rows } = await pool.query<{ flat: boolean }>(
    'select catalog.is_flat(value) as flat from unnest($1::jsonb[]) with ordinality as sample (value, place) order by place',
    [samples.map((value) => JSON.stringify(value))],
  );
  const expected = samples.map(isFlat);
  // With too few of one kind the samples would prove nothing.
  expect(expected.filter(Boolean).length).toBeGreaterThan(500);
  expect(expected.filter((flat) => !flat).length).toBeGreaterThan(500);
  for (const [index, { flat }] of rows.entries())
    expect([samples[index], flat]).toEqual([samples[index], expected[index]]);
}, 60_000);
