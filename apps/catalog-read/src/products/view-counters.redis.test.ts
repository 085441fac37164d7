import { randomUUID } from 'node:crypto';
import { viewLimits } from '@catalog/redis';
import { type RedisServer, startRedis, stressPart } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { ViewCounters, viewWindow } from './view-counters.ts';

let server: RedisServer;
let redis: Redis;
let lost: Record<string, number>;
let views: ViewCounters;

beforeAll(async () => {
  server = await startRedis({ config: { maxmemory: '16mb', 'maxmemory-policy': 'noeviction' } });
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  await redis.flushall();
  await redis.config('SET', 'maxmemory', '16mb');
  lost = {};
  views = new ViewCounters({
    redis,
    onLost: (reason, count) => (lost[reason] = (lost[reason] ?? 0) + count),
    onError: (error) => expect.fail(String(error)),
  });
});

async function countNew(products: number): Promise<void> {
  for (let product = 0; product < products; product++) views.count(randomUUID(), 'a caller');
  await views.flush();
}

test('the counters start and stop in any order, and the last counts are not lost', async () => {
  let counted = 0;
  await stressPart(() => {
    views.count('a', `caller ${counted}`);
    counted += 1;
    return views;
  });
  expect(await redis.zscore('views:open', 'a')).toBe(String(counted));
});

test('a caller counts once for a product and minute', async () => {
  let now_ms = 0;
  const views = new ViewCounters({
    redis,
    onLost: () => {},
    onError: (error) => expect.fail(String(error)),
    now: () => now_ms,
  });
  const readOften = async () => {
    for (let read = 0; read < 4_800; read++) views.count('pushed', 'one caller');
    for (let caller = 0; caller < 3; caller++) views.count('liked', `caller ${caller}`);
    await views.flush();
    return [await redis.zscore('views:open', 'pushed'), await redis.zscore('views:open', 'liked')];
  };
  expect(await readOften()).toEqual(['1', '3']);
  now_ms += viewWindow.length_ms - 1;
  expect(await readOften()).toEqual(['1', '3']);
  now_ms += 1;
  expect(await readOften()).toEqual(['2', '6']);
});

test('of products that are each read once in a second, some are counted; of those read more often, all', async () => {
  const readTwice = Array.from({ length: 1_500 }, () => randomUUID());
  for (let product = 0; product < 5_000; product++) views.count(randomUUID(), 'a caller');
  for (const id of readTwice) for (const caller of ['a caller', 'another']) views.count(id, caller);
  await views.flush();
  expect(await redis.zcard('views:open')).toBe(viewWindow.singleViews + readTwice.length);
  expect(await redis.zcount('views:open', 2, 2)).toBe(readTwice.length);
  expect(lost).toEqual({ limit: 5_000 - viewWindow.singleViews });
});

test('200,000 products that are each read once leave room for jobs in the state Redis', async () => {
  for (let flush = 0; flush < 20; flush++) await countNew(10_000);
  expect(await redis.set('bull:job', 'x'.repeat(1_000_000))).toBe('OK');
  expect(await redis.zcard('views:open')).toBe(viewLimits.batchProducts);
  expect(lost).toEqual({ limit: 200_000 - viewLimits.batchProducts });
});

test('of more products than a batch may have, the most viewed ones are counted', async () => {
  const full = viewLimits.batchProducts - viewWindow.singleViews;
  for (let counted = 0; counted < full; counted += viewWindow.singleViews)
    await countNew(viewWindow.singleViews);
  for (let product = 0; product < viewWindow.singleViews; product++) views.count(randomUUID(), 'a caller');
  for (let view = 0; view < 2; view++) views.count('often', `caller ${view}`);
  await views.flush();
  expect(lost).toEqual({ limit: 1 });
  views.count('often', 'another caller');
  views.count('new', 'a caller');
  await views.flush();
  expect(lost).toEqual({ limit: 2 });
  expect(await redis.zscore('views:open', 'often')).toBe('3');
});

/** Sets `maxmemory` so that the server has used this part of it. */
async function fillTo(part: number): Promise<void> {
  await redis.set('bull:jobs', 'x'.repeat(5_000_000));
  const used = Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  await redis.config('SET', 'maxmemory', String(Math.floor(used / part)));
}

test('a nearly full state Redis takes no views and still takes jobs', async () => {
  await fillTo(0.85);
  await countNew(10);
  expect(lost).toEqual({ memory: 10 });
  expect(await redis.dbsize()).toBe(1);
  expect(await redis.set('bull:job', 'x'.repeat(100_000))).toBe('OK');
  await redis.del('bull:jobs');
  await countNew(10);
  expect(lost).toEqual({ memory: 10 });
});

test('a full state Redis refuses views without an error', async () => {
  await fillTo(1.1);
  await expect(redis.set('bull:job', 'x')).rejects.toThrow('OOM');
  await countNew(10);
  expect(lost).toEqual({ memory: 10 });
});
