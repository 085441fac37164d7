import { inertText, isFormula, textOfCell } from '@catalog/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { errorsByLine, failedRows } from './failed-rows.ts';
import { cellsOf, formatOf, headerOf, recordsOf, recordsOn } from './records.ts';

async function all(parts: string[], format: 'csv' | 'ndjson' = 'csv') {
  const found = [];
  for await (const { line, text } of recordsOf(parts, format)) found.push([line, text]);
  return found;
}

test('a record with a line end in quotes counts as one, and the next starts on its real line', async () => {
  const text = 'sku,name\r\nA,"two\nlines"\r\nB,x';
  const expected = [
    [1, 'sku,name'],
    [2, 'A,"two\nlines"'],
    [4, 'B,x'],
  ];
  expect(await all([text])).toEqual(expected);
  // However it is cut.
  expect(await all(text.split(''))).toEqual(expected);
});

test('quotes mean nothing in NDJSON', async () => {
  expect(await all(['{"a":"\\""}\n{"b":1}\n'], 'ndjson')).toEqual([
    [1, '{"a":"\\""}'],
    [2, '{"b":1}'],
  ]);
});

test('the header tells separator, columns and first values; a byte order mark is not part of it', async () => {
  const header = await headerOf(['\uFEFFSKU;"Name; long";Price;;\n', 'A;"x;y";5\n', 'B;z;6\n']);
  expect(header).toEqual({
    text: 'SKU;"Name; long";Price;;',
    separator: ';',
    namesSeparator: false,
    columns: ['SKU', 'Name; long', 'Price'],
    samples: [
      ['A', 'x;y', '5'],
      ['B', 'z', '6'],
    ],
  });
  expect(await headerOf(['sep=|\nsku|a,b\n1|2'])).toMatchObject({
    separator: '|',
    namesSeparator: true,
    columns: ['sku', 'a,b'],
  });
});

test('doubled quotes are one', () => {
  expect(cellsOf('a,"say ""hi"", then",c', ',')).toEqual(['a', 'say "hi", then', 'c']);
});

test('only the wanted lines are kept', async () => {
  const found = await recordsOn(['h\na\nb\nc\n'], 'csv', new Set([2, 4]));
  expect([...found]).toEqual([
    [2, 'a'],
    [4, 'c'],
  ]);
});

test.each([
  ['a.csv', 'csv'],
  ['b.JSONL', 'ndjson'],
  ['c.xlsx', undefined],
])('%s has the format %s', (name, format) => expect(formatOf(name)).toBe(format));

const wrong = (line: number, message: string) => ({ line, field: 'name', code: 'x', message });

test('failed rows have the cells of the file, and their reasons in a last column', () => {
  const errors = [wrong(2, 'is too "long"'), wrong(2, 'is bad'), wrong(5, 'is empty')];
  expect(errorsByLine(errors).size).toBe(2);
  const rows = failedRows({
    format: 'csv',
    header: 'sku;name',
    separator: ';',
    errors,
    records: new Map([
      [2, 'A;"x"'],
      [5, 'B;'],
    ]),
  });
  expect(rows).toBe(
    '"sku","name","reasons"\r\n"A","x","Name: is too ""long""; Name: is bad"\r\n"B","","Name: is empty"\r\n',
  );
});

/** Fails if a spreadsheet would run a part of the row, whether it cuts at commas or at semicolons. */
function expectInert(row: string, separator: string): void {
  const rows = failedRows({
    format: 'csv',
    header: ['sku', 'name'].join(separator),
    separator,
    errors: [wrong(2, 'is bad')],
    records: new Map([[2, row]]),
  });
  const line = rows.slice(rows.indexOf('\r\n') + 2, -2);
  expect(line).toMatch(/^"(?:[^"]|"")*"(?:,"(?:[^"]|"")*")*$/);
  const cells = cellsOf(line, ',');
  expect(cells.filter((cell) => isFormula(cell) && cell !== inertText(textOfCell(cell)))).toEqual([]);
  const before = cellsOf(row, separator);
  expect(cells.map(textOfCell)).toEqual([...before.map(textOfCell), 'Name: is bad']);
  // A spreadsheet keeps the zeros of such a text only in this form.
  for (const [index, cell] of before.entries())
    if (textOfCell(cell) !== cell) expect(cells[index]).toBe(inertText(textOfCell(cell)));
}

test.each([
  ['a text that looks inert, and is cut at a semicolon', ',', `A,"=""x;=cmd|'/C calc'!A0;y"""`],
  ['a quote inside of a cell, which a spreadsheet takes as it is', ',', `a"b,=cmd|'/C calc'!A0,"c`],
  ['a comma in a file with semicolons', ';', `A;x,=cmd|'/C calc'!A0,y`],
  ['a text whose zeros a spreadsheet keeps', ',', 'A,"=""0123"""'],
])(
  'a spreadsheet runs no part of a failed row, and an import reads the same texts: %s',
  (_, separator, row) => expectInert(row, separator),
);

test('a spreadsheet runs no part of a failed row, whatever is in it', () => {
  const row = fc.string({ unit: fc.constantFrom(...'=+-@;,|\t\r"\'a1( '.split('')), maxLength: 20 });
  fc.assert(fc.property(row, fc.constantFrom(',', ';', '\t', '|'), expectInert), { numRuns: 5_000 });
});

test('a failed row of NDJSON is in a cell that no spreadsheet runs as a formula', () => {
  const rows = failedRows({
    format: 'ndjson',
    header: '',
    separator: ',',
    errors: [wrong(3, 'is bad')],
    records: new Map([[3, '=cmd()']]),
  });
  expect(rows).toBe('line,record,reasons\r\n3,"=""=cmd()""","Name: is bad"\r\n');
});
