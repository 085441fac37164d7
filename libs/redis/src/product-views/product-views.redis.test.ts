import { type RedisServer, startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ProductViews, viewLimits } from './product-views.ts';

let server: RedisServer;
let redis: Redis;
let views: ProductViews;

beforeAll(async () => {
  server = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
  redis = new Redis(server.url);
  views = new ProductViews(redis);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.config('SET', 'maxmemory', '0');
  await redis.flushall();
});

test('a closed batch stays the same until it is deleted, and later views go into the next one', async () => {
  expect(await views.closeBatch()).toBeUndefined();
  await views.count([{ id: 'a', views: 2 }]);
  const first = await views.closeBatch();
  expect(first?.counts).toEqual([{ id: 'a', views: 2 }]);
  await views.count([{ id: 'a', views: 5 }]);
  expect(await views.closeBatch()).toEqual(first);
  await views.deleteBatch('another');
  expect(await views.closeBatch()).toEqual(first);
  await views.deleteBatch(first?.id ?? '');
  const second = await views.closeBatch();
  expect(second?.counts).toEqual([{ id: 'a', views: 5 }]);
  expect(second?.id).not.toBe(first?.id);
});

test('a full server allows to close and to delete a batch', async () => {
  await views.count([{ id: 'a', views: 2 }]);
  await redis.config('SET', 'maxmemory', '1');
  const batch = await views.closeBatch();
  expect(batch?.counts).toEqual([{ id: 'a', views: 2 }]);
  await views.deleteBatch(batch?.id ?? '');
  expect(await redis.dbsize()).toBe(0);
  await expect(views.replacePopular([{ id: 'a', views: 2 }])).rejects.toThrow(/OOM|EXECABORT/);
});

test('all keys of views together have a bound, however many products are viewed', async () => {
  const many = Array.from({ length: 3 * viewLimits.batchProducts }, (_, n) => ({
    id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
    views: 1,
  }));
  await views.count(many);
  await views.closeBatch();
  await views.count(many);
  await views.replacePopular(many);
  const keys = await redis.keys('*');
  const sizes = await Promise.all(
    keys.map(async (key) => Number(await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', '0'))),
  );
  expect(keys).toHaveLength(5);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(3 * 1024 * 1024);
});

test('the popular list is replaced as a whole', async () => {
  await views.replacePopular([
    { id: 'a', views: 1 },
    { id: 'b', views: 2 },
  ]);
  expect(await views.popular(0, 10)).toEqual(['b', 'a']);
  expect(await views.popular(1, 1)).toEqual(['a']);
  await views.replacePopular([]);
  expect(await views.popular(0, 10)).toEqual([]);
});
