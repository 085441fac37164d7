import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { productCreateSchema } from '@catalog/contracts';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';

const numbers = ['weightGrams', 'lengthMm', 'widthMm', 'heightMm', 'priceMinor'] as const;
type Row = Readonly<Record<(typeof numbers)[number] | 'sku' | 'gtin' | 'attributes', string>>;

const rows = parse<Row>(await readFile(join(import.meta.dirname, 'smart-home-products.csv')), {
  columns: true,
});

function asProduct(row: Row): unknown {
  const values = Object.fromEntries(numbers.map((column) => [column, Number(row[column])]));
  return { ...row, ...values, gtin: row.gtin || null, attributes: JSON.parse(row.attributes) as unknown };
}

test('every row of the demo catalog is a valid new product', () => {
  expect(rows).toHaveLength(7975);
  expect(new Set(rows.map(({ sku }) => sku)).size).toBe(rows.length);
  const broken = rows.filter((row) => !productCreateSchema.safeParse(asProduct(row)).success);
  expect(broken).toEqual([]);
});

test('every product says that its numbers are estimates', () => {
  const silent = rows.filter(({ attributes }) => !attributes.includes('"estimated":"weight, size and price'));
  expect(silent).toEqual([]);
});
