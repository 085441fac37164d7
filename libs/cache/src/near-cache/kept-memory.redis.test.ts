import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';

const fixture = new URL('kept-memory.fixture.ts', import.meta.url).pathname;

test.each([
  ['small payloads', 300, 16_000],
  ['payloads of a product', 1_500, 12_000],
  ['large payloads', 20_000, 1_600],
])('the near cache holds the memory that it counts, within 10 %%: %s', async (_name, size, keys) => {
  await using server = await startRedis();
  const admin = new Redis(server.url);
  const pipeline = admin.pipeline();
  for (let index = 0; index < keys; index++) pipeline.set(`value:${index}`, 'x'.repeat(size));
  await pipeline.exec();
  admin.disconnect();
  const args = ['--expose-gc', fixture, server.url, String(keys), String(64 * 1024 * 1024)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  const measured: unknown = JSON.parse(stdout);
  const { counted, held, entries } = measured as { counted: number; held: number; entries: number };
  expect(entries).toBe(keys / 4);
  expect(held).toBeGreaterThan(0.9 * counted);
  expect(held).toBeLessThan(1.1 * counted);
});
