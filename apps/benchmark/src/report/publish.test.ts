import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { benchmarks } from '../suite.ts';
import { pages, replaceBlock } from './publish.ts';

const page = 'a\n<!-- x: npm run bench writes this -->\nold\n<!-- /x -->\nb\n';

test('only the text between the marks is replaced, however often', () => {
  const once = replaceBlock(page, 'x', ['| 1 |']);
  expect(once).toBe('a\n<!-- x: npm run bench writes this -->\n\n| 1 |\n\n<!-- /x -->\nb\n');
  expect(replaceBlock(once, 'x', ['| 1 |'])).toBe(once);
});

test('a page without the marks is an error that names them', () => {
  expect(() => replaceBlock(page, 'y', [])).toThrow('<!-- y: npm run bench writes this -->');
});

test.each(pages)('each block of %s belongs to a benchmark, which writes it', (name) => {
  const page = readFileSync(join(import.meta.dirname, '../../../..', name), 'utf8');
  const blocks = [...page.matchAll(/<!-- measured (\w+): npm run bench writes this -->/g)].map(
    ([, block = '']) => block,
  );
  expect(blocks.length).toBeGreaterThan(0);
  expect(blocks.filter((block) => !Object.hasOwn(benchmarks, block))).toEqual([]);
  for (const block of blocks)
    expect(replaceBlock(page, `measured ${block}`, ['figures'])).toContain('\n\nfigures\n\n');
});
