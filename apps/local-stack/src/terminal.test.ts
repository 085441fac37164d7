import { expect, test } from 'vitest';
import { printableLines } from './terminal.ts';

test('what a file or a service says cannot move the cursor of the terminal', () => {
  expect(printableLines('line 1\n\u001b]0;title\u0007\r\u001b[2Jline 2')).toBe(
    'line 1\n\ufffd]0;title\ufffd\ufffd\ufffd[2Jline 2',
  );
});
