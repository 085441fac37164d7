import { PRODUCT } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { changeIfMatch, parseIfMatch } from './if-match.ts';

test.each<[string, '*' | number[]]>([
  ['*', '*'],
  [' * ', '*'],
  ['"12-1"', [12]],
  ['"12-1", "13-1" ,"x"', [12, 13]],
  ['W/"12-1"', []],
  ['W/"12-1", "13-1"', [13]],
  ['"12-2"', []],
  ['"012-1"', []],
  ['"9007199254740993-1"', []],
  ['""', []],
])('%s allows %j', (header, allowed) => {
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
])('%j is malformed', (header) => {
  expect(() => parseIfMatch(PRODUCT, header)).toThrow(/If-Match must be/);
});

test('without the header a precondition is required', () => {
  expect(() => parseIfMatch(PRODUCT, undefined)).toThrow(
    expect.objectContaining({ code: 'precondition_required' }),
  );
});

test('of several versions the current one is changed, once', async () => {
  const tried: unknown[] = [];
  const done = await changeIfMatch([1, 2, 3], async (expected) => {
    tried.push(expected);
    return expected === 2 ? { id: 'x' } : { changed: 2 };
  });
  expect(done).toEqual({ id: 'x' });
  expect(tried).toEqual([1, 2]);
});

test('only tags that can never match: missing and changed are still told apart', async () => {
  await expect(changeIfMatch([], async () => 'missing')).rejects.toMatchObject({ code: 'not_found' });
  await expect(changeIfMatch([], async () => ({ changed: 2 }))).rejects.toMatchObject({
    code: 'version_changed',
  });
});
