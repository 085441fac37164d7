import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readList, writeList } from './list-parameters.ts';

test('what is written is read again', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1 }), (values) => {
      expect(readList(writeList(values))).toEqual(values);
    }),
  );
});

test.each([
  ['a, "b"  ,c', ['a', 'b', 'c']],
  ['"a, ""b"""', ['a, "b"']],
  ['', ['']],
  ['a"', undefined],
  ['"a', undefined],
  ['"a"b', undefined],
])('%s is %o', (text, values) => {
  expect(readList(text)?.map((value) => value.trim())).toEqual(values);
});

/** At this length, a time that grows with the square of the length would be minutes. */
test.each([
  ['spaces before a quote', `${' '.repeat(200_000)}x"`],
  ['spaces behind a quote', `"a"${' '.repeat(200_000)}x`],
  ['quotes', `${'"'.repeat(200_001)}x`],
  ['commas', `${','.repeat(200_000)}"`],
  ['spaces between commas', `${' ,'.repeat(100_000)}"`],
])('%s take a time that grows with the length', (_what, text) => {
  const began_ms = performance.now();
  expect(readList(text)).toBeUndefined();
  expect(performance.now() - began_ms).toBeLessThan(2_000);
});
