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

test.each(['=1+1', '+1', '-1', '@SUM(A1)', '="0123"'])(
  'the text %j is written so that a spreadsheet runs no formula, and an import reads it back',
  (text) => {
    const inner = text.replaceAll('"', '""""');
    expect(csv.line([text, ...row.slice(1)])).toBe(csv.line(row).replace('A', `"=""${inner}"""`));
  },
);

test.each([
  ['Lamp;=1+1', '"Lamp"&CHAR(59)&"=1+1"'],
  ['Lamp; "=1+1', '"Lamp"&CHAR(59)&" ""=1+1"'],
  ['Lamp\t@SUM(A1)', '"Lamp"&CHAR(9)&"@SUM(A1)"'],
  ['\tx', '""&CHAR(9)&"x"'],
  ['Lamp\r\n=1+1', '"Lamp"&CHAR(13)&""&CHAR(10)&"=1+1"'],
  ['Lamp\n- 1+cmd|x!A1', '"Lamp"&CHAR(10)&"- 1+cmd|x!A1"'],
])('in the text %j, no part behind a separator is a formula', (text, formula) => {
  const cells = csv.line([text, ...row.slice(1)]);
  expect(cells).toBe(csv.line(row).replace('A', `"=${formula.replaceAll('"', '""')}"`));
});

test.each(['Lamp; black', 'one\n- two\n- three', 'a=b; c'])('the text %j stays as it is', (text) => {
  const written = text.includes('\n') ? `"${text}"` : text;
  expect(csv.line([text, ...row.slice(1)])).toBe(csv.line(row).replace('A', written));
});

test('attributes have no semicolon that a spreadsheet could take for a separator', () => {
  const line = csv.line([...row.slice(0, -1), '{"a": "x;=1+1"}']);
  expect(line).toContain(String.raw`"{""a"": ""x\u003b=1+1""}"`);
});

test('a text of many line ends is looked through in linear time', () => {
  const began_ms = performance.now();
  csv.line([`a${'\n'.repeat(1_000_000)}`, ...row.slice(1)]);
  csv.line([`a;${' '.repeat(1_000_000)}`, ...row.slice(1)]);
  expect(performance.now() - began_ms).toBeLessThan(2_000);
});

test('numbers and codes are never wrapped', () => {
  fc.assert(
    fc.property(fc.integer(), (number) => {
      const line = csv.line([...row.slice(0, 6), String(number), ...row.slice(7)]);
      return line.includes(`,${number},`);
    }),
  );
});
