import { expect, test } from 'vitest';
import { timesOf } from './stores.ts';

test('a store that fails, or does not answer within a second, has no time', async () => {
  const times = await timesOf({
    postgres: async () => 1,
    cacheRedis: () => Promise.reject(new Error('refused')),
    stateRedis: () => new Promise(() => undefined),
  });
  expect(times).toMatchObject({ cacheRedisMs: null, stateRedisMs: null });
  expect(times.postgresMs).toBeLessThan(1_000);
});

test('a store that nobody asks is absent', async () => {
  expect(await timesOf({})).toEqual({});
});
