import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { builtApp } from './assets.ts';

/** What a browser loads before the first page is drawn, beside that page itself. */
const most_bytes = 250 * 1024;

test('the first bundle has less than 250 kB compressed', async () => {
  const page = await readFile(join(builtApp, 'index.html'), 'utf8');
  const files = [...page.matchAll(/(?:src|href)="(\/assets\/[^"]+\.(?:js|css))"/g)].map(
    ([, file = '']) => file,
  );
  expect(files.length).toBeGreaterThanOrEqual(2);
  const sizes = await Promise.all(
    files.map(async (file) => gzipSync(await readFile(join(builtApp, file))).length),
  );
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(most_bytes);
});
