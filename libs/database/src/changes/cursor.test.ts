/** Anybody can compute the checksum of a cursor. See docs/security.md, row 64. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type ChangeCursor, readCursor, writeCursor } from './cursor.ts';

const seen = { snapshot: '10:12:11', time_ms: 1_000, newest: 50, openAfter: 40 };
const moment = { snapshot: '10:20:', time_ms: 2_000, newest: 90, openAfter: 50 };
const cursor: ChangeCursor = { incarnation: 'x', seen, next: { moment, after: 40 } };
const where = { parameter: 'after' };

/** A cursor with a correct checksum and any content. */
function checked(json: string): string {
  const bytes = Buffer.from(json);
  const check = createHash('sha256').update(bytes).digest().subarray(0, 6);
  return Buffer.concat([check, bytes]).toString('base64url');
}

test('a written cursor is read back unchanged', () => {
  expect(checked(JSON.stringify(cursor))).toBe(writeCursor(cursor));
  expect(readCursor(writeCursor(cursor), where)).toEqual(cursor);
});

test.each<[string, string | object]>([
  ['nothing', ''],
  ['no JSON', '{'],
  ['null', 'null'],
  ['an array', '[]'],
  ['no snapshot', { seen: { ...seen, snapshot: 'x' } }],
  ['a snapshot that Postgres cannot read', { seen: { ...seen, snapshot: '9:5:' } }],
  ['a transaction that no snapshot can have', { seen: { ...seen, snapshot: `1:${2n ** 63n}:` } }],
  ['a time before 1970', { seen: { ...seen, time_ms: -1 } }],
  ['a time that no date can have', { seen: { ...seen, time_ms: 9e15 } }],
  ['a version below zero', { seen: { ...seen, newest: -1 } }],
  ['a version that is no safe integer', { next: { moment, after: 2 ** 60 } }],
  ['a way that begins before what was seen', { next: { moment, after: 39 } }],
  ['an id that is none', { existing: 'x' }],
])('a cursor that somebody made up with %s is refused', (_what, wrong) => {
  const json = typeof wrong === 'string' ? wrong : JSON.stringify({ ...cursor, ...wrong });
  expect(() => readCursor(checked(json), where)).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      errors: [expect.objectContaining({ parameter: 'after', code: 'malformed' })],
    }),
  );
});
