import { expect, test } from 'vitest';
import { importLimits } from '../limits.ts';
import { NdjsonRecords } from './ndjson-records.ts';

function read(text: string, chunkLength: number): { records: unknown[]; bad: unknown[] } {
  const records: unknown[] = [];
  const bad: unknown[] = [];
  const reader = new NdjsonRecords({
    record: (line, value) => records.push([line, value]),
    bad: (line, _field, code) => bad.push([line, code]),
  });
  for (let from = 0; from < text.length; from += chunkLength)
    reader.push(text.slice(from, from + chunkLength));
  reader.end();
  return { records, bad };
}

test.each([1, 3, 1000])(
  'reads one object per line and reports bad lines by number, cut every %i characters',
  (size) => {
    const found = read('{"sku":"A"}\r\n\n  \n{"sku":\n[]\nnull\n"x"\n{"sku":"B"}', size);
    expect(found.records).toEqual([
      [1, { sku: 'A' }],
      [8, { sku: 'B' }],
    ]);
    expect(found.bad).toEqual([
      [4, 'malformed_json'],
      [5, 'not_an_object'],
      [6, 'not_an_object'],
      [7, 'not_an_object'],
    ]);
  },
);

test('a line over the limit is one error, and the next line is read again', () => {
  const long = JSON.stringify({ name: 'x'.repeat(10 * importLimits.record_chars) });
  const found = read(
    `{"sku":"A"}\n${long}\n{"sku":"B"}\n${'['.repeat(importLimits.record_chars + 1)}`,
    65_536,
  );
  expect(found.bad).toEqual([
    [2, 'record_too_long'],
    [4, 'record_too_long'],
  ]);
  expect(found.records).toHaveLength(2);
});

test('a number that is not exact and a repeated member fail their own line', () => {
  const bad = '{"sku":"A","attributes":{"n":12345678901234567890}}\n{"sku":"B","sku":"C"}';
  const found = read(`${bad}\n{"sku":"D"}\n`, 9);
  expect(found.records).toEqual([[3, { sku: 'D' }]]);
  expect(found.bad).toEqual([
    [1, 'inexact_number'],
    [2, 'repeated_member'],
  ]);
});
