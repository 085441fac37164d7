import { PRODUCT } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { changeIfMatch, parseIfMatch } from './if-match.ts';

test.each<[string, '*' | number[]]>([
  ['*', '*'],
  [' * ', '*'],
  ['"12-1"', [12]],
  ['"12-1", "13-1" ,"x"', [12, 13]],
  ['W/"12-1"', [12]],
  ['W/"12-1", "13-1"', [12, 13]],
  ['W/"x"', []],
  ['"12-2"', []],
  ['"012-1"', []],
  ['"9007199254740993-1"', []],
  ['""', []],
])('the header %s allows %j', (header, allowed) => {
  expect(parseIfMatch(PRODUCT, header)).toEqual(allowed);
});

test.each([
  '',
  '12-1',
  '"12-1',
  "'12-1'",
  '"12-1" "13-1"',
  '"12-1",',
  '*, "12-1"',
  'w/"12-1"',
  '"a"b"',
  '"12-1",,"13-1"',
])('the header %j is malformed', (header) => {
  expect(() => parseIfMatch(PRODUCT, header)).toThrow(/If-Match must be/);
});

test('a request without the header is refused with precondition_required', () => {
  expect(() => parseIfMatch(PRODUCT, undefined)).toThrow(
    expect.objectContaining({ code: 'precondition_required' }),
  );
});

test('with several versions, the current one is changed once', async () => {
  const tried: unknown[] = [];
  const done = await changeIfMatch([1, 2, 3], async (expected) => {
    tried.push(expected);
    return expected === 2 ? { id: 'x' } : { changed: 2 };
  });
  expect(done).toEqual({ id: 'x' });
  expect(tried).toEqual([1, 2]);
});

test('with tags that never match, a missing row is still distinguished from a changed one', async () => {
  await expect(changeIfMatch([], async () => 'missing')).rejects.toMatchObject({ code: 'not_found' });
  await expect(changeIfMatch([], async () => ({ changed: 2 }))).rejects.toMatchObject({
    code: 'version_changed',
  });
});
