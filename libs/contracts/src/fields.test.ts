import { expect, test } from 'vitest';
import { nameText, tidy } from './fields.ts';

test.each([
  ['  a \n\t b ', 'a b'],
  ['Cafe\u0301', 'Caf\u00e9'],
])('the name %j is kept as %j', (given, kept) => {
  expect(tidy(given)).toBe(kept);
  expect(nameText(300).parse(given)).toBe(kept);
});

/** In this order, each mark moves in front of all marks of the first kind. */
const marks = (count: number) => `a${'\u0301'.repeat(count / 2)}${'\u0316'.repeat(count / 2)}`;

test.each([998, 100_000])(
  'a name of %i combining marks is refused at once: to normalise them takes the square of their number',
  (count) => {
    const given = marks(count);
    const began_ms = performance.now();
    for (let n = 0; n < 100; n++) expect(nameText(300).safeParse(given).success).toBe(false);
    expect(performance.now() - began_ms).toBeLessThan(250);
  },
);
