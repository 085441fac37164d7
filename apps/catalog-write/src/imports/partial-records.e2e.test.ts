import { randomUUID } from 'node:crypto';
import { rejectedImportSchema } from '@catalog/contracts';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { counts, csv, csvRow, imported, postImport, readImport } from '../testing/import-calls.ts';
import { runningService, validProduct } from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  await service.owner.query('delete from catalog.products');
});

const ndjson = { type: 'application/x-ndjson' };
const whole = {
  ...validProduct,
  description: 'A lamp.',
  gtin: '4006381333931',
  weightGrams: 250,
  lengthMm: 10,
  widthMm: 20,
  heightMm: 30,
  status: 'active',
  attributes: { volts: 12, radio: 'Zigbee' },
};
const create = async (sku: string, change = {}): Promise<void> => {
  await imported(service, JSON.stringify({ ...whole, sku, ...change }), ndjson);
};
async function product(sku: string): Promise<unknown> {
  const { rows } = await service.owner.query<{ fields: unknown }>(
    'select catalog.product_fields(p) as fields from catalog.products p where sku = $1',
    [sku],
  );
  return rows[0]?.fields;
}

test('a column that is absent leaves the field as it is, in a price list', async () => {
  await create('A');
  await create('B');
  expect(counts(await imported(service, 'sku,priceMinor\nA,5\nB,1999\n'))).toEqual([0, 1, 1, 0]);
  expect(await product('A')).toEqual({ ...whole, sku: 'A', priceMinor: 5 });
  expect(counts(await imported(service, csv(csvRow('A', 'Lamp', 5))))).toEqual([0, 0, 1, 0]);
});

test('a member that is absent leaves the field as it is, and null empties it', async () => {
  await create('A');
  expect(counts(await imported(service, '{"sku":"A","gtin":null,"name":"New"}', ndjson))).toEqual([
    0, 1, 0, 0,
  ]);
  expect(await product('A')).toEqual({ ...whole, sku: 'A', gtin: null, name: 'New' });
});

test('an empty cell empties a field that can be empty, and is refused in the others', async () => {
  await create('A');
  const file = 'sku,gtin,weightGrams,lengthMm,widthMm,heightMm,description,attributes,status\nA,,,,,,,,\n';
  expect(counts(await imported(service, file))).toEqual([0, 1, 0, 0]);
  const empty = { gtin: null, weightGrams: null, lengthMm: null, widthMm: null, heightMm: null };
  expect(await product('A')).toEqual({ ...whole, sku: 'A', ...empty, description: '', attributes: {} });
  const { errors } = await imported(service, 'sku,name,priceMinor\nA,,\n');
  expect(errors.map(({ field, code, message }) => [field, code, message])).toEqual([
    ['name', 'required', 'must not be empty'],
    ['priceMinor', 'required', 'must not be empty'],
  ]);
});

test('a new product needs the required fields, and gets the defaults of the others', async () => {
  await create('A');
  const file = 'sku,priceMinor,brand\nA,5,Acme\nNEW,5,Acme\n';
  const rejected = await imported(service, file);
  expect([rejected.state, ...counts(rejected)]).toEqual(['rejected', 0, 0, 0, 1]);
  expect(rejected.errors.map(({ line, field, code }) => [line, field, code])).toEqual([
    [3, 'name', 'required'],
    [3, 'category', 'required'],
    [3, 'currency', 'required'],
  ]);
  expect(await product('A')).toMatchObject({ priceMinor: 1999 });
  const skipped = await imported(service, file, { query: 'mode=skip-failed' });
  expect(counts(skipped)).toEqual([0, 1, 0, 1]);
  expect(await product('NEW')).toBeUndefined();
  await imported(service, csv(csvRow('NEW')));
  expect(await product('NEW')).toMatchObject({
    status: 'draft',
    description: '',
    attributes: {},
    gtin: null,
  });
});

test.each([
  ['onExisting=skip', [1, 0, 0, 0], 1, undefined],
  ['onExisting=fail', [0, 0, 0, 1], 0, [2, 'sku_exists']],
  ['onExisting=fail&mode=skip-failed', [1, 0, 0, 1], 0, [2, 'sku_exists']],
  ['onMissing=skip', [0, 1, 0, 0], 1, undefined],
  ['onMissing=fail', [0, 0, 0, 1], 0, [3, 'sku_missing']],
  ['onMissing=fail&mode=skip-failed', [0, 1, 0, 1], 0, [3, 'sku_missing']],
  ['onExisting=skip&onMissing=skip', [0, 0, 0, 0], 2, undefined],
])('with %s the dry run and the import agree', async (query, expected, skipped, error) => {
  await create('OLD');
  const file = csv(csvRow('OLD', 'x'), csvRow('NEW'));
  for (const dryRun of [true, false]) {
    const result = await imported(service, file, { query: `${query}&dryRun=${dryRun}` });
    expect(counts(result)).toEqual(expected);
    expect([result.skipped, result.dryRun]).toEqual([skipped, dryRun]);
    expect(result.errors.map(({ line, code }) => [line, code])).toEqual(error === undefined ? [] : [error]);
    const isRejected = error !== undefined && !query.includes('skip-failed');
    expect(result.state).toBe(isRejected ? 'rejected' : 'succeeded');
  }
  expect(await product('NEW')).toEqual(expected[0] === 1 ? expect.anything() : undefined);
  expect(await product('OLD')).toMatchObject({ name: expected[1] === 1 ? 'x' : 'Lamp' });
});

test('a rejected import is a 422 whose body is the result and a problem document', async () => {
  const id = randomUUID();
  const file = csv(csvRow('A', 'Lamp', 'free'), csvRow('B'));
  const res = await postImport(service, file, { headers: { 'Import-Id': id } });
  expect([res.status, res.headers.get('content-type')]).toEqual([
    422,
    'application/problem+json; charset=utf-8',
  ]);
  const body = rejectedImportSchema.parse(await res.json());
  expect(body).toMatchObject({
    id,
    state: 'rejected',
    failed: 1,
    received: 2,
    code: 'import_rejected',
    status: 422,
  });
  expect(body.errors).toMatchObject([{ line: 2, field: 'priceMinor' }]);
  expect(await readImport(service, id)).toMatchObject({ state: 'rejected', failed: 1, errors: body.errors });
});

test('a dry run shows which fields change from what to what, and counts the changes of each field', async () => {
  await create('A');
  await create('B');
  await create('C');
  const long = 'x'.repeat(5_000);
  const file = [
    { sku: 'A', priceMinor: 5, gtin: null },
    { sku: 'B', priceMinor: 6, attributes: { volts: 24, radio: 'Zigbee', colour: 'red' } },
    { sku: 'C', description: long },
    { ...whole, sku: 'NEW' },
  ];
  const text = file.map((record) => JSON.stringify(record)).join('\n');
  const result = await imported(service, text, { ...ndjson, query: 'dryRun=true' });
  expect(counts(result)).toEqual([1, 3, 0, 0]);
  expect(result.changes).toEqual({
    fields: { priceMinor: 2, gtin: 1, attributes: 1, description: 1 },
    rows: [
      {
        line: 1,
        sku: 'A',
        fields: [
          { field: 'gtin', old: '4006381333931', new: null },
          { field: 'priceMinor', old: 1999, new: 5 },
        ],
      },
      {
        line: 2,
        sku: 'B',
        fields: [
          { field: 'priceMinor', old: 1999, new: 6 },
          { field: 'attributes', old: { volts: 12 }, new: { volts: 24, colour: 'red' } },
        ],
      },
      { line: 3, sku: 'C', fields: [{ field: 'description', old: 'A lamp.', new: `${'x'.repeat(199)}…` }] },
    ],
  });
  expect(await readImport(service, result.id)).toEqual(result);
});

test('a dry run lists at most a hundred changed rows, and counts all', async () => {
  const rows = Array.from({ length: 300 }, (_, index) => csvRow(`ROW-${index}`));
  await imported(service, csv(...rows));
  const list = rows.map((_, index) => `ROW-${index},7\n`).join('');
  const { changes } = await imported(service, `sku,priceMinor\n${list}`, { query: 'dryRun=true' });
  expect([changes?.fields, changes?.rows.length]).toEqual([{ priceMinor: 300 }, 100]);
});

test('a product that appears while an import with onExisting=fail is applied is not overwritten', async () => {
  await using other = await service.otherTransaction(
    "insert into catalog.products (sku, name, brand, category, price_minor, currency) values ('RACE', 'other', 'b', 'c', 1, 'EUR')",
  );
  const result = imported(service, csv(csvRow('RACE', 'import')), { query: 'onExisting=fail' });
  await expect
    .poll(async () => {
      const { rows } = await service.owner.query(
        "select from pg_stat_activity where datname = current_database() and usename = 'catalog_write' and wait_event_type = 'Lock'",
      );
      return rows.length;
    })
    .toBeGreaterThan(0);
  await other.commit();
  expect(await result).toMatchObject({ state: 'rejected', errors: [{ code: 'sku_exists' }] });
  expect(await product('RACE')).toMatchObject({ name: 'other' });
});
