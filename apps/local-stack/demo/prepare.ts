/**
 * Makes the demo catalog's import file from the source list beside it: `node demo/prepare.ts`.
 * The result is committed; run this again only after changing the kinds or the source.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'csv-parse/sync';
import { columns, importableSku, productRow, type ProductRow, type SourceRow } from './product-row.ts';

const source = join(import.meta.dirname, 'smart-home-devices.source.csv');
const target = join(import.meta.dirname, 'smart-home-products.csv');

const rows = parse<SourceRow>(await readFile(source), { columns: true });
const products = rows.map(productRow);
await writeFile(target, [columns.join(','), ...products.map(line), ''].join('\n'));

const changed = rows.filter(({ sku }) => importableSku(sku) !== sku).length;
const categories = Map.groupBy(products, ({ category }) => category);
console.log(`${products.length} products, ${changed} with a SKU that had to be changed`);
for (const [category, members] of categories) console.log(`  ${category}: ${members.length}`);

function line(product: ProductRow): string {
  return columns.map((column) => cell(product[column])).join(',');
}

function cell(value: string): string {
  return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
}
