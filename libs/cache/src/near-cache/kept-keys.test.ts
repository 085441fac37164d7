import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const fixture = new URL('kept-keys.fixture.ts', import.meta.url).pathname;

test('an entry that was read by a part of a request keeps nothing of the request', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fixture]);
  const bytes = Number(stdout);
  // A handle and its key. The requests have 8 KB each.
  expect(bytes).toBeGreaterThan(0);
  expect(bytes).toBeLessThan(500);
});
