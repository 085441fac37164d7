import { expect, test } from 'vitest';
import { replaceBlock } from './publish.ts';

const page = 'a\n<!-- x: npm run bench writes this -->\nold\n<!-- /x -->\nb\n';

test('only the text between the marks is replaced, however often', () => {
  const once = replaceBlock(page, 'x', ['| 1 |']);
  expect(once).toBe('a\n<!-- x: npm run bench writes this -->\n\n| 1 |\n\n<!-- /x -->\nb\n');
  expect(replaceBlock(once, 'x', ['| 1 |'])).toBe(once);
});

test('a page without the marks is an error that names them', () => {
  expect(() => replaceBlock(page, 'y', [])).toThrow('<!-- y: npm run bench writes this -->');
});
