import { createHash, randomUUID } from 'node:crypto';
import { printable } from '@catalog/contracts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  counts,
  csv,
  csvHeader,
  csvRow,
  imported,
  postImport,
  readImport,
  refusedImport,
  slowBody,
  type ImportCall,
} from '../../testing/import-calls.ts';
import { runningService, type CallOptions, type RunningService } from '../../testing/running-service.ts';
import { importLimits } from '../limits.ts';

let service: RunningService;
beforeAll(async () => {
  service = await runningService();
  await imported(service, csv(csvRow('KEPT')));
});
afterAll(() => service[Symbol.asyncDispose]());

const ndjson: ImportCall = { type: 'application/x-ndjson' };
const file = csv(csvRow('A'), csvRow('B'));
const utf16 = Buffer.from(file, 'utf16le');

const digestOf = (text: string): string => `sha-256=:${createHash('sha256').update(text).digest('base64')}:`;

const refused: [string, CallOptions['raw'], ImportCall, [number, string, RegExp]][] = [
  ['UTF-16 with a byte-order mark', Buffer.concat([Buffer.of(0xff, 0xfe), utf16]), {}, [400, 'malformed_request', /UTF-16 \(little endian\)/]],
  ['UTF-16 without a byte-order mark', utf16, {}, [400, 'malformed_request', /UTF-16/]],
  ['big-endian UTF-16', Buffer.concat([Buffer.of(0xfe, 0xff), Buffer.from(utf16).swap16()]), {}, [400, 'malformed_request', /big endian/]],
  ['Latin-1', Buffer.from(csv(csvRow('A'), csvRow('B', 'Küche')), 'latin1'), {}, [400, 'malformed_request', /Line 3 is not UTF-8.*Latin-1/]],
  ['Latin-1 in NDJSON', Buffer.from('\n{"name":"Küche"}', 'latin1'), ndjson, [400, 'malformed_request', /Line 2 is not UTF-8/]],
  ['semicolons', file.replaceAll(',', ';'), {}, [400, 'invalid_request', /Separate cells by commas, not semicolons/]],
  ['tabs', file.replaceAll(',', '\t'), {}, [400, 'invalid_request', /not tabs/]],
  ['CR alone as line end', file.replaceAll('\n', '\r'), {}, [400, 'invalid_request', /not with CR alone/]],
  ['an unknown column', `${csvHeader},colour\n${csvRow('A')},red`, {}, [400, 'invalid_request', /"colour" is unknown/]],
  ['a repeated column', `${csvHeader},name\n${csvRow('A')},x`, {}, [400, 'invalid_request', /"name" appears twice/]],
  ['no column for the SKU', 'name,brand\nA,x', {}, [400, 'invalid_request', /"sku" is missing/]],
  ['the bytes of an Excel workbook', Buffer.from('PK\x03\x04\x14\0\x06\0'), {}, [400, 'malformed_request', /Excel workbook.*CSV UTF-8/]],
  ['the bytes of an old Excel workbook', Buffer.of(0xd0, 0xcf, 0x11, 0xe0, 0xa1), {}, [400, 'malformed_request', /old Excel workbook/]],
  ['gzip bytes', Buffer.of(0x1f, 0x8b, 8, 0, 0), {}, [400, 'malformed_request', /compressed with gzip/]],
  ['another digest than Content-Digest says', file, { headers: { 'Content-Digest': digestOf('x') } }, [400, 'malformed_request', /digest_mismatch/]],
  ['a file cut inside its last cell', file.slice(0, -3), { headers: { 'Content-Digest': digestOf(file) } }, [400, 'malformed_request', /cut or changed/]],
  ['a malformed Content-Digest', file, { headers: { 'Content-Digest': 'sha-256=abc' } }, [400, 'invalid_request', /Content-Digest/]],
  ['a mapping of columns for NDJSON', '{"sku":"A"}', { ...ndjson, query: 'columns=a:sku' }, [400, 'invalid_request', /columns/]],
  ['a mapping to no field', file, { query: 'columns=name:title' }, [400, 'invalid_request', /title.*which is no field/]],
  ['an unknown rule for products that exist', file, { query: 'onExisting=merge' }, [400, 'invalid_request', /onExisting/]],
  ['a broken header', '"sku,name\nA,x\n', {}, [400, 'invalid_request', /no readable header/]],
  ['no bytes', '', {}, [400, 'malformed_request', /empty/]],
  ['a header of very many columns', `${'a,'.repeat(400_000)}b\n`, {}, [400, 'invalid_request', /400001 columns, and 1000 is the most/]],
  ['only a byte-order mark', Buffer.of(0xef, 0xbb, 0xbf), {}, [400, 'invalid_request', /no readable header/]],
  ['the content type JSON', '[]', { type: 'application/json' }, [415, 'unsupported_media_type', /text\/csv/]],
  ['a charset that is not UTF-8', file, { type: 'text/csv; charset=iso-8859-1' }, [415, 'unsupported_media_type', /UTF-8/]],
  ['gzip encoding', file, { headers: { 'Content-Encoding': 'gzip' } }, [415, 'unsupported_media_type', /./]],
  ['an unknown mode', file, { query: 'mode=all' }, [400, 'invalid_request', /mode/]],
  ['an unknown parameter', file, { query: 'dryrun=true' }, [400, 'invalid_request', /dryrun/]],
  ['dryRun=yes', file, { query: 'dryRun=yes' }, [400, 'invalid_request', /dryRun/]],
  ['an Import-Id of zeros', file, { headers: { 'Import-Id': '00000000-0000-0000-0000-000000000000' } }, [400, 'invalid_request', /version 1 to 8/]],
  ['an Import-Id of ones', file, { headers: { 'Import-Id': 'ffffffff-ffff-ffff-ffff-ffffffffffff' } }, [400, 'invalid_request', /version 1 to 8/]],
  ['an Import-Id that is not a UUID', file, { headers: { 'Import-Id': '7' } }, [400, 'invalid_request', /Import-Id/]],
]; // prettier-ignore

test.each(refused)(
  'a file with %s is refused as a whole',
  async (_name, raw, options, [status, code, says]) => {
    const before = await service.state();
    const problem = await refusedImport(service, raw, options);
    expect([problem.status, problem.code]).toEqual([status, code]);
    expect(`${problem.detail} ${JSON.stringify(problem.errors)}`).toMatch(says);
    expect(await service.state()).toEqual(before);
  },
);

const badRecords: [string, string, ImportCall, [line: number, field: string | null, code: string][]][] = [
  ['a NUL byte', csv(csvRow('A'), csvRow('B', 'La\0mp')), {}, [[3, 'name', 'custom']]],
  ['a NUL byte in NDJSON', '{"sku":"A\\u0000"}', ndjson, [[1, 'sku', 'invalid_format']]],
  ['a stray quote', csv('A"B,Lamp,Acme,Lighting,1,EUR', csvRow('C')), {}, [[2, null, 'stray_quote']]],
  ['text after a quote', csv('"A"x,Lamp,Acme,Lighting,1,EUR', csvRow('C')), {}, [[2, null, 'text_after_quote']]],
  ['a quote that is never closed', csv(csvRow('A'), '"B,Lamp,Acme,Lighting,1,EUR', csvRow('C')), {}, [[3, null, 'quote_not_closed']]],
  ['one cell too many', csv(`${csvRow('A')},x`, csvRow('B')), {}, [[2, null, 'column_count']]],
  ['a bad check digit', `${csvHeader},gtin\n${csvRow('A')},4006381333932`, {}, [[2, 'gtin', 'custom']]],
  ['a formula where a number belongs', csv(csvRow('A', 'Lamp', '=1+1')), {}, [[2, 'priceMinor', 'invalid_type']]],
  ['a repeated SKU', csv(csvRow('A'), csvRow('B'), csvRow('A', 'x'), csvRow('A', 'y')), {}, [[4, 'sku', 'duplicate_sku'], [5, 'sku', 'duplicate_sku']]],
  ['an unknown field in NDJSON', '{"sku":"A","id":"x","version":3}', ndjson, [[1, 'id', 'unknown_field'], [1, 'version', 'unknown_field']]],
  ['__proto__ in NDJSON', '{"__proto__":{"admin":true}}', ndjson, [[1, '__proto__', 'unknown_field']]],
  ['broken JSON', '{"sku":\n[]\n7\n', ndjson, [[1, null, 'malformed_json'], [2, null, 'not_an_object'], [3, null, 'not_an_object']]],
]; // prettier-ignore

test.each(badRecords)('%s is reported with line and field', async (_name, raw, options, errors) => {
  const before = await service.state();
  const result = await imported(service, raw, options);
  expect(result.state).toBe('rejected');
  expect(result.errors.slice(0, errors.length).map(({ line, field, code }) => [line, field, code])).toEqual(
    errors,
  );
  expect(await service.state()).toEqual(before);
});

const whole = (sku: string): string =>
  JSON.stringify({ sku, name: 'Lamp', brand: 'Acme', category: 'Lighting', priceMinor: 1, currency: 'EUR' });

test.each([
  ['NUL in an attribute key', String.raw`{"sku":"B","attributes":{"k\u0000":1}}`],
  ['NUL in an unknown member', String.raw`{"sku":"B","x\u0000":1}`],
  ['half a pair in an unknown member', String.raw`{"sku":"B","\ud800":1}`],
  ['emoji cut in the middle of a pair', JSON.stringify({ sku: 'B', [`x${'\u{1F4A1}'.repeat(150)}`]: 1 })],
  ['an escape sequence in an unknown member', String.raw`{"sku":"B","\u001b[31m\r":1}`],
])('a record with %s fails alone, and its name is stored in a printable form', async (_name, bad) => {
  const records = [whole('GOOD-1'), bad, whole('GOOD-2')].join('\n');
  const result = await imported(service, records, { ...ndjson, query: 'mode=skip-failed&dryRun=true' });
  expect(counts(result)).toEqual([2, 0, 0, 1]);
  const real = await imported(service, bad, { ...ndjson, query: 'mode=skip-failed' });
  expect(real.errors.map(({ line }) => line)).toEqual([1]);
  const told = `${real.errors[0]?.field} ${real.errors[0]?.message}`;
  expect(told.isWellFormed()).toBe(true);
  expect(told).toBe(printable(told, 1_000));
  expect(await readImport(service, real.id)).toEqual(real);
});

test('a body that matches its Content-Digest is imported', async () => {
  const headers = { 'Content-Digest': `md5=:AAAA:, ${digestOf(file)}` };
  expect(counts(await imported(service, file, { headers, query: 'dryRun=true' }))).toEqual([2, 0, 0, 0]);
});

test('a mapping reads the columns of another system', async () => {
  const foreign = 'Art.Nr,Title,Brand,Kind,Cents,Cur,Supplier\nM-1,Lamp,Acme,Lighting,1999,EUR,x\n';
  const columns = 'Art.Nr:sku,Title:name,Brand:brand,Kind:category,Cents:priceMinor,Cur:currency,Supplier:';
  const query = `dryRun=true&columns=${encodeURIComponent(columns)}`;
  expect(counts(await imported(service, foreign, { query }))).toEqual([1, 0, 0, 0]);
});

test('a byte-order mark before the header is ignored', async () => {
  const result = await imported(service, Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from(file)]), {
    query: 'dryRun=true',
  });
  expect(counts(result)).toEqual([2, 0, 0, 0]);
});

test.each([
  ['CSV', csv(csvRow('A'), csvRow('B', 'x'.repeat(10_000_000)), csvRow('C')), {}],
  ['quoted CSV', csv(csvRow('A'), csvRow('B', `"${'x\n'.repeat(5_000_000)}"`), csvRow('C')), {}],
  ['NDJSON', `${JSON.stringify({ sku: 'x'.repeat(10_000_000) })}\n`, ndjson],
] as [string, string, ImportCall][])(
  'a record of 10 MB in %s is one error, and the next records are read',
  async (_name, raw, options) => {
    const result = await imported(service, raw, { ...options, query: 'mode=skip-failed&dryRun=true' });
    expect(result.errors.map(({ code }) => code)).toEqual(['record_too_long']);
    expect(result.failed).toBe(1);
    if (options !== ndjson) expect(result.created).toBe(2);
  },
);

test.each([
  ['CSV', `${csvHeader}\n`, {}],
  ['quoted CSV', `${csvHeader}\n"`, {}],
  ['NDJSON', '{"sku":"', ndjson],
] as [string, string, ImportCall][])(
  'an endless record in %s is reported while it arrives, before its end',
  async (_name, begin, options) => {
    const id = randomUUID();
    const { body, send, end } = slowBody();
    const answer = imported(service, body as never, {
      ...options,
      query: 'mode=skip-failed',
      headers: { 'Import-Id': id },
    });
    send(begin + 'x'.repeat(importLimits.record_chars + 1));
    const failed = async () => (await readImport(service, id).catch(() => undefined))?.failed;
    await expect.poll(failed, { timeout: 10_000 }).toBe(1);
    end();
    expect((await answer).errors.map(({ code }) => code)).toEqual(['record_too_long']);
  },
);

test('a file with a million errors lists the first and counts all', async () => {
  const rows = 1_000_000;
  // Sent piece by piece, so that the test itself needs no memory for the file.
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${csvHeader}\n`);
    const piece = Buffer.from('one cell\n'.repeat(1_000));
    for (let sent = 0; sent < rows; sent += 1_000) yield piece;
  }
  const result = await imported(service, ReadableStream.from(body()) as never, {
    query: 'mode=skip-failed',
  });
  expect([result.received, result.failed]).toEqual([rows, rows]);
  expect(result.errors.map(({ line }) => line)).toEqual(
    Array.from({ length: importLimits.listedErrors }, (_, index) => index + 2),
  );
}, 120_000);

test('a file with many duplicates lists the first and counts all', async () => {
  const rows = 5_000;
  const result = await imported(service, csv(...Array.from({ length: rows }, () => csvRow('A'))));
  expect(result.failed).toBe(rows - 1);
  expect(result.errors).toHaveLength(importLimits.listedErrors);
  expect(result.errors[0]?.line).toBe(3);
});

test('a cell with a formula is stored as text', async () => {
  const name = '"=HYPERLINK(""http://x"",""y"")"';
  await imported(service, csv(csvRow('FORMULA', name)));
  const { rows } = await service.owner.query("select name from catalog.products where sku = 'FORMULA'");
  expect(rows).toEqual([{ name: '=HYPERLINK("http://x","y")' }]);
});

test('text that looks like the end of a column, a row or the COPY is stored as text', async () => {
  // Names are kept on one line, so only a description can hold all of this.
  const description = 'a\tb\r\n\\.\n\\N\\';
  const required = { name: 'Lamp', brand: '\\N', category: 'Lighting', priceMinor: 1, currency: 'EUR' };
  const record = { sku: 'COPIED', description, ...required };
  expect(counts(await imported(service, JSON.stringify(record), ndjson))).toEqual([1, 0, 0, 0]);
  const { rows } = await service.owner.query(
    "select description, brand from catalog.products where sku = 'COPIED'",
  );
  expect(rows).toEqual([{ description, brand: '\\N' }]);
});

test('the refusal of a long body reaches the client before it has sent everything', async () => {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('sku;name\n');
    for (let sent = 0; sent < 200; sent++) yield Buffer.alloc(65_536, 0x61);
  }
  const res = await postImport(service, ReadableStream.from(body()) as never);
  expect(res.status).toBe(400);
});
