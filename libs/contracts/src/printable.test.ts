import { expect, test } from 'vitest';
import { printable } from './printable.ts';

test.each([
  ['plain text', 'plain text'],
  ['a\0b\u001b[31mc\r\nd', 'a\ufffdb\ufffd[31mc\ufffd\ufffdd'],
  ['half \ud800 of a pair', 'half \ufffd of a pair'],
  ['turned \u202e round', 'turned \ufffd round'],
  ['C1 \u009b31m', 'C1 \ufffd31m'],
])('%j can be stored and printed as %j', (text, shown) => {
  expect(printable(text, 100)).toBe(shown);
});

test('a long text is cut, and never inside a character', () => {
  expect(printable('x'.repeat(11), 10)).toBe(`${'x'.repeat(9)}…`);
  expect(printable('x'.repeat(10), 10)).toBe('x'.repeat(10));
  for (const text of ['💡'.repeat(20), `x${'💡'.repeat(20)}`]) {
    const shown = printable(text, 10);
    expect(shown.isWellFormed()).toBe(true);
    expect(shown).not.toContain('\ufffd');
    expect(shown.length).toBeLessThanOrEqual(10);
  }
});
