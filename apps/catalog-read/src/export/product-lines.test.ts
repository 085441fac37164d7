import fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineWriters } from './product-lines.ts';

const { csv, ndjson } = lineWriters;
const row = ['A', 'n', '', 'b', 'c', null, '5', null, null, null, '1999', 'EUR', 'active', '{"a": 1}'];

test('a row is a line of CSV, and null an empty cell', () => {
  expect(csv.head).toBe(
    'sku,name,description,brand,category,gtin,weightGrams,lengthMm,widthMm,heightMm,priceMinor,currency,status,attributes\n',
  );
  expect(csv.line(row)).toBe('A,n,,b,c,,5,,,,1999,EUR,active,"{""a"": 1}"\n');
});

test('a row is a line of JSON, with numbers as numbers', () => {
  expect(JSON.parse(ndjson.line(row))).toEqual({
    sku: 'A', name: 'n', description: '', brand: 'b', category: 'c', gtin: null, weightGrams: 5, lengthMm: null,
    widthMm: null, heightMm: null, priceMinor: 1999, currency: 'EUR', status: 'active', attributes: { a: 1 },
  }); // prettier-ignore
});

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '="0123"', '\tx'])(
  'the text %j is written so that a spreadsheet runs no formula, and an import reads it back',
  (text) => {
    const inner = text.replaceAll('"', '""""');
    expect(csv.line([text, ...row.slice(1)])).toBe(csv.line(row).replace('A', `"=""${inner}"""`));
  },
);

test('numbers and codes are never wrapped', () => {
  fc.assert(
    fc.property(fc.integer(), (number) => {
      const line = csv.line([...row.slice(0, 6), String(number), ...row.slice(7)]);
      return line.includes(`,${number},`);
    }),
  );
});
