import { randomUUID } from 'node:crypto';
import { startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { Editing } from './editing.ts';

const server = await startRedis();
const redis = new Redis(server.url);
const editing = new Editing(redis);
afterAll(async () => {
  redis.disconnect();
  await server[Symbol.asyncDispose]();
});

test('the first person holds a product until the end, and only that person ends it', async () => {
  const id = randomUUID();
  expect(await editing.begin(id, 'ann')).toBe('ann');
  expect(await editing.begin(id, 'ben')).toBe('ann');
  await editing.end(id, 'ben');
  expect(await editing.begin(id, 'ben')).toBe('ann');
  await editing.end(id, 'ann');
  expect(await editing.begin(id, 'ben')).toBe('ben');
});

test('a browser that is gone holds a product for a short time, and one that renews for longer', async () => {
  const id = randomUUID();
  const key = `editing:${id}`;
  await editing.begin(id, 'ann');
  expect(await redis.pttl(key)).toBeGreaterThan(0);
  await redis.pexpire(key, 5_000);
  await editing.begin(id, 'ann');
  expect(await redis.pttl(key)).toBeGreaterThan(5_000);
  // Somebody else's page does not renew it.
  await redis.pexpire(key, 1);
  await expect.poll(() => editing.begin(id, 'ben')).toBe('ben');
});
