import { readFile } from 'node:fs/promises';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { counts, csv, csvRow, imported, postImport, readImport } from '../testing/import-calls.ts';
import { runningService } from '../testing/running-service.ts';

const service = await runningService();
afterAll(() => service[Symbol.asyncDispose]());
beforeEach(async () => {
  await service.owner.query('delete from catalog.products');
  await service.owner.query('delete from catalog.outbox');
});

interface Row {
  sku: string;
  name: string;
  version: number;
}
async function products(): Promise<Row[]> {
  const { rows } = await service.owner.query<Row>(
    'select sku, name, version from catalog.products order by sku',
  );
  return rows;
}
async function outbox(): Promise<{ entity: string; changes: number }[]> {
  const { rows } = await service.owner.query<{ entity: string; changes: number }>(
    'select entity, count(*) as changes from catalog.outbox group by entity order by entity',
  );
  return rows;
}

test('a CSV import creates new products, updates those that differ and leaves the rest alone', async () => {
  const first = await imported(service, csv(csvRow('A'), csvRow('B'), csvRow('C')));
  expect(first).toMatchObject({ state: 'succeeded', received: 3, dryRun: false, mode: 'reject-all' });
  expect(counts(first)).toEqual([3, 0, 0, 0]);
  const before = await products();

  const second = await imported(service, csv(csvRow('B'), csvRow('C', 'Lamp 2'), csvRow('D')));
  expect(counts(second)).toEqual([1, 1, 1, 0]);
  const after = await products();
  expect(after.map(({ sku, name }) => [sku, name])).toEqual([
    ['A', 'Lamp'],
    ['B', 'Lamp'],
    ['C', 'Lamp 2'],
    ['D', 'Lamp'],
  ]);
  expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
  expect(after[2]?.version).toBeGreaterThan(before[2]?.version ?? 0);
});

test('an NDJSON import does the same', async () => {
  const record = {
    sku: 'N',
    name: 'Lamp',
    brand: 'Acme',
    category: 'Lighting',
    priceMinor: 1,
    currency: 'EUR',
  };
  const file = `${JSON.stringify({ ...record, attributes: { a: 1 } })}\n\n${JSON.stringify({ ...record, sku: 'M' })}`;
  expect(counts(await imported(service, file, { type: 'application/x-ndjson' }))).toEqual([2, 0, 0, 0]);
  expect(counts(await imported(service, file, { type: 'application/x-ndjson' }))).toEqual([0, 0, 2, 0]);
});

test('a second import of the demo catalog changes nothing', async () => {
  const file = await readFile(new URL('../../../local-stack/demo/smart-home-products.csv', import.meta.url));
  expect(counts(await imported(service, file))).toEqual([7975, 0, 0, 0]);
  const before = await service.state();
  const again = await postImport(service, file);
  expect(counts((await again.json()) as never)).toEqual([0, 0, 7975, 0]);
  expect(again.headers.get('catalog-version')).toBe('0');
  expect(await service.state()).toEqual(before);
});

test('each changed row makes one change in the outbox, and an unchanged row makes none', async () => {
  await imported(service, csv(csvRow('A'), csvRow('B'), csvRow('C')));
  expect(await outbox()).toEqual([
    { entity: 'product', changes: 3 },
    { entity: 'sku', changes: 3 },
  ]);
  await service.owner.query('delete from catalog.outbox');
  await imported(service, csv(csvRow('A'), csvRow('B', 'Lamp 2'), csvRow('C')));
  expect(await outbox()).toEqual([{ entity: 'product', changes: 1 }]);
});

test('Catalog-Version is the lowest version of the changed rows', async () => {
  await imported(service, csv(csvRow('A')));
  const [old] = await products();
  const res = await postImport(service, csv(csvRow('A'), csvRow('B'), csvRow('C')));
  const lowest = Number(res.headers.get('catalog-version'));
  const [, ...changed] = await products();
  expect(lowest).toBe(Math.min(...changed.map(({ version }) => version)));
  expect(lowest).toBeGreaterThan(old?.version ?? 0);
  expect(res.headers.get('location')).toBe(`/v1/imports/${((await res.json()) as { id: string }).id}`);
});

test('one file can swap all fields of two products', async () => {
  await imported(service, csv(csvRow('A', 'one'), csvRow('B', 'two')));
  expect(counts(await imported(service, csv(csvRow('A', 'two'), csvRow('B', 'one'))))).toEqual([0, 2, 0, 0]);
  expect((await products()).map(({ sku, name }) => [sku, name])).toEqual([
    ['A', 'two'],
    ['B', 'one'],
  ]);
});

const mixed = csv(csvRow('A', 'new name'), csvRow('B', 'Lamp', 'free'), csvRow('C'), csvRow('A', 'again'));

test('reject-all changes nothing when one record is bad', async () => {
  await imported(service, csv(csvRow('A')));
  const before = await service.state();
  const result = await imported(service, mixed);
  expect(result).toMatchObject({ state: 'rejected', received: 4 });
  expect(counts(result)).toEqual([0, 0, 0, 2]);
  expect(result.errors).toEqual([
    {
      line: 3,
      field: 'priceMinor',
      code: 'invalid_type',
      message: 'must be a whole number, digits only',
    },
    { line: 5, field: 'sku', code: 'duplicate_sku', message: 'Line 2 already has the SKU "A".' },
  ]);
  expect(await service.state()).toEqual(before);
});

test('skip-failed applies only the valid records', async () => {
  await imported(service, csv(csvRow('A')));
  const result = await imported(service, mixed, { query: 'mode=skip-failed' });
  expect(result).toMatchObject({ state: 'succeeded', mode: 'skip-failed' });
  expect(counts(result)).toEqual([1, 1, 0, 2]);
  expect(result.errors.map(({ line }) => line)).toEqual([3, 5]);
  expect((await products()).map(({ sku, name }) => [sku, name])).toEqual([
    ['A', 'new name'],
    ['C', 'Lamp'],
  ]);
});

test.each(['reject-all', 'skip-failed'])('a dry run with %s counts and changes nothing', async (mode) => {
  await imported(service, csv(csvRow('A'), csvRow('B')));
  const before = await service.state();
  const result = await imported(service, csv(csvRow('A'), csvRow('B', 'x'), csvRow('C'), csvRow('D')), {
    query: `mode=${mode}&dryRun=true`,
  });
  expect(result).toMatchObject({ state: 'succeeded', dryRun: true });
  expect(counts(result)).toEqual([2, 1, 1, 0]);
  expect(await service.state()).toEqual(before);
});

test('a dry run reports the errors that the import would have', async () => {
  const strict = await imported(service, mixed, { query: 'dryRun=true' });
  expect([strict.state, ...counts(strict)]).toEqual(['rejected', 0, 0, 0, 2]);
  const lenient = await imported(service, mixed, { query: 'dryRun=true&mode=skip-failed' });
  expect([lenient.state, ...counts(lenient)]).toEqual(['succeeded', 2, 0, 0, 2]);
});

test('the result can be read again by its id, and an id can be used once', async () => {
  const id = '01890000-0000-7000-8000-000000000001';
  const result = await imported(service, csv(csvRow('A')), { headers: { 'Import-Id': id } });
  expect(result.id).toBe(id);
  expect(await readImport(service, id)).toEqual(result);
  const again = await postImport(service, csv(csvRow('B')), { headers: { 'Import-Id': id } });
  expect(again.status).toBe(409);
  expect(await readImport(service, id)).toEqual(result);
});

test('a file with only a header imports nothing and succeeds', async () => {
  expect(counts(await imported(service, csv()))).toEqual([0, 0, 0, 0]);
});
