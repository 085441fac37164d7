import { expect, test } from 'vitest';
import { openFile } from './chosen-file.ts';

const file = (content: string | Uint8Array<ArrayBuffer>, name = 'products.csv') => new File([content], name);
const header = 'sku,name\n';
const unitsOf = (text: string) => text.split('').map((unit) => unit.charCodeAt(0));
const utf16 = (text: string) => new Uint8Array(Uint16Array.from(unitsOf(text)).buffer);
const notText = 'It is not text in UTF-8. Save it as “CSV UTF-8”, then choose it again.';

test.each([
  ['UTF-16', utf16(`\uFEFF${header}A,Näme\n`)],
  ['UTF-16 without a mark', utf16(`${header}A,B\n`)],
  ['Latin-1', Uint8Array.from(unitsOf(`${header}A,Grün\n`))],
  ['a picture', new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a])],
])('a file in %s is refused before its columns are shown', async (_name, bytes) => {
  expect(await openFile(file(bytes))).toBe(notText);
});

test('a letter may lie across the end of the part that is looked at', async () => {
  for (const before of [0, 1, 2, 3]) {
    const text = `${header}${'x'.repeat(65_536 - header.length - before)}€,B\n`;
    expect(await openFile(file(text))).toMatchObject({ format: 'csv', header: { columns: ['sku', 'name'] } });
  }
});

test.each([
  ['', 'products.csv', 'The file is empty.'],
  ['\n', 'products.csv', 'It has no header. The first line must name the columns.'],
  [
    'sku,name\rA,B\r',
    'products.csv',
    'Its lines end as on an old Mac (CR). Save it as “CSV UTF-8”, then choose it again.',
  ],
  [header, 'products.xlsx', 'The name must end with .csv, .ndjson or .jsonl.'],
])('%j as %s is refused with a reason', async (content, name, why) => {
  expect(await openFile(file(content, name))).toBe(why);
});

test('lines may end with CR LF', async () => {
  expect(await openFile(file('sku,name\r\nA,B\r\n'))).toMatchObject({ header: { columns: ['sku', 'name'] } });
});
