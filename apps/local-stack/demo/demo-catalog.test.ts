import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { productCreateSchema, skuSchema } from '@catalog/contracts';
import { parse } from 'csv-parse/sync';
import { expect, test } from 'vitest';
import { kindOf } from './kinds.ts';
import { importableSku, productRow, type ProductRow, type SourceRow } from './product-row.ts';

const load = async <Row>(name: string) =>
  parse<Row>(await readFile(join(import.meta.dirname, name)), { columns: true });

const numbers = ['weightGrams', 'lengthMm', 'widthMm', 'heightMm', 'priceMinor'] as const;

function asProduct(row: ProductRow): unknown {
  const values = Object.fromEntries(numbers.map((column) => [column, Number(row[column])]));
  return { ...row, ...values, gtin: row.gtin || null, attributes: JSON.parse(row.attributes) as unknown };
}

test('every row of the demo catalog is a valid new product', async () => {
  const rows = await load<ProductRow>('smart-home-products.csv');
  expect(rows).toHaveLength(7975);
  expect(new Set(rows.map(({ sku }) => sku)).size).toBe(rows.length);
  const broken = rows.filter((row) => !productCreateSchema.safeParse(asProduct(row)).success);
  expect(broken).toEqual([]);
});

test('the committed file is what the script makes of the committed source', async () => {
  const source = await load<SourceRow>('smart-home-devices.source.csv');
  expect(await load<ProductRow>('smart-home-products.csv')).toEqual(source.map(productRow));
});

test('every product says that its numbers are estimates', async () => {
  const rows = await load<ProductRow>('smart-home-products.csv');
  const silent = rows.filter(({ attributes }) => !attributes.includes('"estimated":"weight, size and price'));
  expect(silent).toEqual([]);
});

test('a SKU that the catalog would refuse is changed, stays unique and comes out the same each time', () => {
  const long = 'X'.repeat(70);
  expect(importableSku('PLAIN-1')).toBe('PLAIN-1');
  expect(skuSchema.safeParse(importableSku(long)).success).toBe(true);
  expect(skuSchema.safeParse(importableSku('BÜCHNER ☃')).success).toBe(true);
  expect(importableSku(`${long}A`)).not.toBe(importableSku(`${long}B`));
  expect(importableSku(long)).toBe(importableSku(long));
});

test.each([
  ['Contact Sensor', 'sensor'],
  ['Smart light switch - 4 gang without neutral wire', 'switch'],
  ['Hue white ambiance E27', 'light'],
  ['Hue Festavia globe outdoor string lights (7 meter with 10 bulbs)', 'light'],
  ['Tubular motor', 'cover'],
  ['Twinguard', 'accessory'],
])('the name "%s" tells the kind %s', (name, category) => {
  expect(kindOf(name).category).toBe(category);
});
