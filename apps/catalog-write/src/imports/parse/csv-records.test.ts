import { parse as parseWithLibrary } from 'csv-parse/sync';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readColumnNames, type ColumnNames } from './column-names.ts';
import { CsvRecords } from './csv-records.ts';
import { importLimits } from '../limits.ts';

const header = 'sku,name,brand,category,priceMinor,currency,description,attributes\n';

interface Found {
  readonly records: [line: number, value: Record<string, unknown>][];
  readonly bad: [line: number, field: string | null, code: string][];
}

function read(text: string, chunkLength = Infinity, names?: ColumnNames): Found {
  const found: Found = { records: [], bad: [] };
  const reader = new CsvRecords(
    {
      record: (line, value) => found.records.push([line, value]),
      bad: (line, field, code) => found.bad.push([line, field, code]),
    },
    names,
  );
  for (let from = 0; from < text.length; from += chunkLength)
    reader.push(text.slice(from, from + chunkLength));
  reader.end();
  return found;
}

const lines = (found: Found): number[] => found.records.map(([line]) => line);

test('all cells are read as csv-parse reads them, wherever the text is cut', () => {
  const cell = fc.string({
    unit: fc.constantFrom('a', '"', ',', '\n', '\r\n', ' ', 'ü', '😀', '\t', "'"),
    maxLength: 8,
  });
  const row = fc
    .array(cell, { minLength: 8, maxLength: 8 })
    .filter((cells) => cells.slice(0, 7).join('') !== '');
  fc.assert(
    fc.property(
      fc.array(row, { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      fc.boolean(),
      fc.integer({ min: 1, max: 40 }),
      (rows, crlf, open, size) => {
        const end = crlf ? '\r\n' : '\n';
        const quoted = (value: string): string =>
          /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
        // Without attributes, because their cells are parsed as JSON.
        const cells = rows.map((row) => [...row.slice(0, 7), '']);
        const body = cells.map((row) => row.map(quoted).join(',')).join(end) + (open ? '' : end);
        const text = header.trimEnd() + end + body;
        const expected = parseWithLibrary<Record<string, string>>(text, { columns: true }).map((record) =>
          Object.fromEntries(
            Object.entries(record).map(([field, value]) => [field, field === 'attributes' ? {} : value]),
          ),
        );
        const found = read(text, size);
        expect(found.bad).toEqual([]);
        expect(found.records.map(([, value]) => value)).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
});

test('each record is reported with the line on which it starts', () => {
  const found = read(`${header}A,n,b,c,1,EUR,"two\nlines",\n\n  \nB,n,b,c,1,EUR,,\r\nC,"q",b,c,1,EUR,,`, 5);
  expect(lines(found)).toEqual([2, 6, 7]);
  expect(found.bad).toEqual([[5, null, 'column_count']]);
});

test('numbers are digits only, empty cells empty a field, attributes are JSON', () => {
  const found = read(
    `${header}A,n,b,c,12,EUR,,"{""a"":1}"\nB,n,b,c,1e3,EUR,,\nC,n,b,c,012,EUR,,\nD,n,b,c,"1,5",EUR,,{`,
  );
  expect(found.records).toEqual([
    [
      2,
      {
        sku: 'A',
        name: 'n',
        brand: 'b',
        category: 'c',
        priceMinor: 12,
        currency: 'EUR',
        description: '',
        attributes: { a: 1 },
      },
    ],
    [3, expect.objectContaining({ priceMinor: '1e3' })],
    [4, expect.objectContaining({ priceMinor: '012' })],
  ]);
  expect(found.bad).toEqual([[5, 'attributes', 'malformed_json']]);
});

test('formulas are read as text', () => {
  const found = read(`${header}A,=1+1,@b,+c,1,EUR,-d,`);
  expect(found.records[0]?.[1]).toMatchObject({
    name: '=1+1',
    brand: '@b',
    category: '+c',
    description: '-d',
  });
});

test.each([
  ['a quote inside a plain cell', 'B,n"x",b,c,1,EUR,,', 'stray_quote'],
  ['text after a closing quote', 'B,"n"x,b,c,1,EUR,,', 'text_after_quote'],
  ['too few cells', 'B,n', 'column_count'],
  ['too many cells', 'B,n,b,c,1,EUR,,,,x', 'column_count'],
])('%s fails only its own line', (_name, line, code) => {
  for (const size of [1, 4, 1000]) {
    const found = read(`${header}A,n,b,c,1,EUR,,\n${line}\nC,n,b,c,1,EUR,,\n`, size);
    expect(lines(found)).toEqual([2, 4]);
    expect(found.bad).toEqual([[3, null, code]]);
  }
});

test('text after a quote that is never closed is not read as records', () => {
  const found = read(`${header}A,n,b,c,1,EUR,,\nB,"n,b,c,1,EUR,,\nC,n,b,c,1,EUR,,\n`, 7);
  expect(lines(found)).toEqual([2]);
  expect(found.bad).toEqual([[3, null, 'quote_not_closed']]);
});

test('a record over the limit is one cheap error, and the next line is read again', () => {
  const long = 'x'.repeat(10 * importLimits.record_chars);
  for (const record of [`B,${long},b,c,1,EUR,,`, `B,"${long}""\n${long}",b,c,1,EUR,"a\nb",`]) {
    const text = `${header}A,n,b,c,1,EUR,,\n${record}\nC,n,b,c,1,EUR,,\n`;
    const found = read(text, 65_536);
    expect(found.bad).toEqual([[3, null, 'record_too_long']]);
    expect(lines(found)).toEqual([2, record.includes('\n') ? 6 : 4]);
  }
});

test.each([
  ['sku;name;brand', /semicolons/],
  ['sku\tname', /tabs/],
  ['sku\rA\rB', /CR alone/],
  [
    'sku,name,brand,category,priceMinor,currency,id,version,createdAt',
    /"id" is unknown.*"version" is unknown.*"createdAt" is unknown/,
  ],
  ['sku,sku,name,brand,category,priceMinor,currency', /"sku" appears twice/],
  ['name,brand', /"sku" is missing/],
  ['"sku"x,name', /no readable header/],
  ['__proto__,constructor', /"__proto__" is unknown/],
])('the header %j is refused with the reason', (text, reason) => {
  expect(() => read(`${text}\nA,b\n`)).toThrow(reason);
});

test('a file of empty lines has no header', () => {
  expect(() => read('\n\n')).toThrow(/no readable header/);
});

test('a file with only a header has no records', () => {
  expect(read(header)).toEqual({ records: [], bad: [] });
  expect(read(header.trimEnd())).toEqual({ records: [], bad: [] });
});

test('empty columns and rows at the end, as spreadsheets write them, are ignored', () => {
  const found = read('sku,name,,,\r\nA,n,,,\r\n,,,,\r\nB,"m",,,\r\n,,,,\r\n', 5);
  expect(found.bad).toEqual([]);
  expect(found.records).toEqual([
    [2, { sku: 'A', name: 'n' }],
    [4, { sku: 'B', name: 'm' }],
  ]);
});

test.each([
  ['sep=;\r\n', ';'],
  ['sep=|\n', '|'],
  ['sep=\t\n', '\t'],
  ['sep=,\n', ','],
])('a first line %j says what separates cells', (first, separator) => {
  const rows = [
    ['sku', 'name', 'description'],
    ['A', 'n', '"x,y;z|"'],
    ['B', '"a ""b"""', ''],
  ];
  const text = first + rows.map((row) => row.join(separator)).join('\n');
  for (const size of [1, 1000]) {
    const found = read(text, size);
    expect(found.bad).toEqual([]);
    expect(found.records.map(([, value]) => value)).toEqual([
      { sku: 'A', name: 'n', description: 'x,y;z|' },
      { sku: 'B', name: 'a "b"', description: '' },
    ]);
  }
});

test('="0123" is a text with its zeros, written bare or in quotes', () => {
  const text = 'sku,name,gtin\n="0123",="a,""b""",="04006381"\n"=""0124""",=x,"=""1"""\n=A"B,n,\n';
  for (const size of [1, 2, 1000]) {
    const found = read(text, size);
    expect(found.records.map(([, value]) => value)).toEqual([
      { sku: '0123', name: 'a,"b"', gtin: '04006381' },
      { sku: '0124', name: '=x', gtin: '1' },
    ]);
    expect(found.bad).toEqual([[4, null, 'stray_quote']]);
  }
});

test('an exported text whose parts would be formulas is read back', () => {
  const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`;
  const read1 = (cell: string) => read(`sku,name\n${quoted(cell)},n\n`).records[0]?.[1]['sku'];
  expect(read1('="a"&CHAR(59)&"=""b"&CHAR(13)&""&CHAR(10)&"c"')).toBe('a;="b\r\nc');
  expect(read1('=""""&CHAR(59)&"x"')).toBe('";x');
  expect(read1('="a""&CHAR(59)&""b"')).toBe('a"&CHAR(59)&"b');
  expect(read1('="a"&HYPERLINK("x")')).toBe('="a"&HYPERLINK("x")');
});

test.each([
  ['SKU ,name', /"SKU " is unknown\. Did you mean sku\?/],
  ['sku,Weight (g)', /Did you mean weightGrams\? .*columns=Weight \(g\):weightGrams/],
  ['sku,weight_kg', /Did you mean weightGrams/],
  ['sku,Price', /Did you mean priceMinor/],
  ['sku,EAN', /Did you mean gtin/],
  ['sku,Manufacturer', /Did you mean brand/],
  ['sku,catgory', /Did you mean category/],
  ['sku,decsription', /Did you mean description/],
  ['sku,Supplier', /Leave it out with columns=Supplier:/],
  ['sku,,name', /in the middle has no name/],
  ['sku,n\u0000\ud800', /unknown/],
])('the header %j is refused with a suggestion', (text, reason) => {
  expect(() => read(`${text}\nA,b\n`)).toThrow(reason);
});

test('a mapping names columns as the file has them, and leaves others out', () => {
  const names = readColumnNames('Weight (g):weightGrams,"Name, long:name",Supplier:,SKU:sku');
  const found = read('SKU ,Weight (g),"Name, long",Supplier\nA,5,n,x\n', 1000, names);
  expect(found).toEqual({ records: [[2, { sku: 'A', weightGrams: 5, name: 'n' }]], bad: [] });
  expect(() => read('sku\nA\n', 1000, readColumnNames('Title:name'))).toThrow(/which the file does not have/);
});

test.each([
  ['weightGrams', /write each as column:field/],
  ['a:sku,a:name', /twice/],
  ['a:weight', /"weight", which is no field/],
  ['', /write each as/],
])('the mapping %j is refused', (parameter, reason) => {
  expect(() => readColumnNames(parameter)).toThrow(reason);
});

test('small pieces cost no more than their number: none of them is scanned again', () => {
  const time_ms = (work: () => void): number => {
    const began = performance.now();
    work();
    return performance.now() - began;
  };
  for (const begin of ['sku,name\nA,', 'sku,name\nA,"', 'sku,name\nA,"x""']) {
    const pieces = (before: number): number => {
      const reader = new CsvRecords({ record: () => {}, bad: () => {} });
      reader.push(begin + 'x'.repeat(before));
      return Math.min(
        ...Array.from({ length: 5 }, () =>
          time_ms(() => {
            for (let each = 0; each < 4_000; each++) reader.push('x');
          }),
        ),
      );
    };
    pieces(1);
    // Scanning all that came before takes several hundred times as long here.
    expect(pieces(importLimits.record_chars * 0.9)).toBeLessThan(30 * Math.max(pieces(1), 0.3));
  }
});
