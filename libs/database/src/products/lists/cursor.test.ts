/** Anybody can compute the checksum of a cursor. See docs/security.md, row 64. */
import { expect, test } from 'vitest';
import { readCursor, writeCursor } from './cursor.ts';
import type { ProductFilter } from './filter.ts';
import { ListOrder, usualSort } from './order.ts';

const filter: ProductFilter = { status: ['active'] };
const position = ['2026-01-01 00:00:00+00', '0190c0de-0000-7000-8000-000000000000'];
const cursor = { position, estimatedTotal: 7, similar: false };
const read = (text: string) => readCursor(text, filter, usualSort, new ListOrder(usualSort));

test('a written cursor is read back unchanged', () => {
  expect(read(writeCursor(cursor, filter, usualSort))).toEqual(cursor);
});

test.each<[string, object]>([
  ['a total below zero', { estimatedTotal: -1 }],
  ['a total that is no safe integer', { estimatedTotal: 2 ** 60 }],
  ['a total that is no number', { estimatedTotal: null }],
  ['a time that Postgres cannot read', { position: ['294277-01-01 00:00:00+00', position[1]] }],
  ['an id that is none', { position: [position[0], 'x'] }],
  ['too few keys', { position: [position[1]] }],
  ['no position', { position: null }],
])('a cursor with %s is refused', (_what, wrong) => {
  const text = writeCursor({ ...cursor, ...wrong }, filter, usualSort);
  expect(() => read(text)).toThrow(
    expect.objectContaining({
      code: 'invalid_request',
      errors: [expect.objectContaining({ parameter: 'cursor', code: 'malformed' })],
    }),
  );
});
