/** Catalogs of three kinds are imported, exported, and imported again, with `npm run import` and `npm run export`. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProductImport } from '@catalog/contracts';
import { createPool, type Pool } from '@catalog/database';
import { stackPlace, startLocalStack, type LocalStack, type StackPlace } from '@catalog/testing';
import { parse as parseCsv } from 'csv-parse/sync';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { convertPart, madeUpParts } from '../testing/foreign-catalogs/computer-parts.ts';
import { convertDevice, madeUpDevices } from '../testing/foreign-catalogs/network-devices.ts';
import { convertLight, madeUpLights } from '../testing/foreign-catalogs/stage-lights.ts';
import { startCommand } from '../testing/run-command.ts';

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let place: StackPlace;
let stack: LocalStack;
let sql: Pool;
beforeAll(async () => {
  place = await stackPlace();
  stack = await startLocalStack(place);
  sql = createPool({ url: await stack.databaseUrl(), applicationName: 'psql', statementTimeout_ms: 60_000 });
  await sql.query('delete from catalog.products');
});
afterAll(async () => {
  await sql.end();
  await stack[Symbol.asyncDispose]();
  await place[Symbol.asyncDispose]();
});

async function run(...args: string[]): Promise<string> {
  const [code, said] = await startCommand(place, ...args).result;
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${said}`);
  return said;
}
const fileOf = (name: string): Promise<Buffer> => readFile(join(place.root, name));
/** In both formats. */
async function exportAll(name: string): Promise<Record<string, Buffer>> {
  const files: Record<string, Buffer> = {};
  for (const format of ['csv', 'ndjson']) {
    await run('export', `${name}.${format}`);
    files[format] = await fileOf(`${name}.${format}`);
  }
  return files;
}

const bySku = (products: readonly ProductImport[]): Map<string, ProductImport> =>
  new Map(products.map((product) => [product.sku, product]));

/** A spreadsheet could take parts of their texts for formulas. */
const withFormulas = ['=1+1', 'Lamp;=1+1', '"; "@x', '="a"&CHAR(59)&"b"'].map((name, n) => ({
  sku: `FORMULA-${n};=1`,
  name,
  description: `a\n=1+1\r\n\t-2\n- "3"; +4(${name})`,
  brand: 'Acme',
  category: 'Lighting',
  priceMinor: 1,
  currency: 'EUR',
  status: 'active' as const,
  attributes: { note: `x;${name}` },
}));

const catalogs = {
  formulas: withFormulas,
  devices: [...madeUpDevices(600)].map(convertDevice),
  lights: [...madeUpLights(300)].map(convertLight),
  parts: [...madeUpParts(900)].map(convertPart).filter((part) => part !== undefined),
};

test('an export has what was imported, and importing the export changes nothing', async () => {
  const all = bySku(Object.values(catalogs).flat());
  for (const [name, products] of Object.entries(catalogs)) {
    const text = [...bySku(products).values()].map((product) => JSON.stringify(product)).join('\n');
    await writeFile(join(place.root, `${name}.ndjson`), text);
    expect(await run('import', `${name}.ndjson`)).toContain(
      `created ${bySku(products).size.toLocaleString('en-US')}, updated 0`,
    );
  }
  const first = await exportAll('first');
  const lines = first['ndjson']?.toString().trimEnd().split('\n') ?? [];
  const rows = lines.map((line) => JSON.parse(line) as ProductImport);
  expect(rows).toHaveLength(all.size);
  for (const row of rows) expect(row).toMatchObject(all.get(row.sku) ?? { sku: 'not imported' });

  for (const name of ['first.csv', 'first.ndjson']) {
    expect(await run('import', name)).toMatch(/created 0, updated 0, unchanged [1-9][\d,]*; bad 0/);
  }
  expect(await exportAll('second')).toEqual(first);

  // Into an empty catalog, the files give the same catalog again, byte by byte.
  for (const format of ['csv', 'ndjson']) {
    await sql.query('delete from catalog.products');
    await run('import', `first.${format}`);
    expect(await exportAll('third')).toEqual(first);
  }
});

test('another reader of CSV finds the same values', async () => {
  const rows = parseCsv<Record<string, string>>(await fileOf('first.csv'), { columns: true });
  const parts = bySku(catalogs.parts);
  const found = rows.filter(({ sku = '' }) => sku.startsWith('PART-'));
  expect(found.length).toBeGreaterThan(50);
  for (const row of found) {
    const part = parts.get(row['sku'] ?? '');
    expect(JSON.parse(row['attributes'] ?? '')).toEqual(part?.attributes);
    expect(row['priceMinor']).toBe(String(part?.priceMinor));
  }
  // No cell of text begins as a formula, except the wrapped ones.
  expect(
    rows.flatMap(({ sku = '', name = '' }) => [sku, name]).filter((text) => /^[+\-@]|^=(?!")/.test(text)),
  ).toEqual([]);
});

test.each([
  ['no file', ['export'], /No file was given.*npm run export -- FILE/s],
  ['an unknown format', ['export', 'all.xlsx'], /name of no known format/],
  ['an unknown filter', ['export', 'x.csv', 'colour=red'], /refused the export \(400\).*colour/s],
  ['something that is no filter', ['export', 'x.csv', 'red'], /"red" is no filter/],
  [
    'a file whose name moves the cursor',
    ['import', 'a\u001b[31m\r.csv'],
    /a\ufffd\[31m\ufffd\.csv cannot be read/,
  ],
])('%s: it says so and exits with 1', async (_name, args, says) => {
  const [code, said] = await startCommand(place, ...args).result;
  expect(code).toBe(1);
  expect(said).toMatch(says);
  expect(said).not.toContain('\u001b');
  expect(said).not.toContain('\r');
});

test('a dry run in the terminal shows what would change', async () => {
  await writeFile(join(place.root, 'prices.csv'), 'sku,priceMinor\nmaker-1/light-1,5\nNOT-THERE,6\n');
  const said = await run('import', 'prices.csv', '--dry-run', '--on-missing', 'skip');
  expect(said).toContain('would be created 0, updated 1, unchanged 0, skipped 1; bad 0');
  expect(said).toContain('priceMinor would change in 1 products');
  expect(said).toContain('line 2, maker-1/light-1: priceMinor 99900 → 5');
});
