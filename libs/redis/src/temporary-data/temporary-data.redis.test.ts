import { type RedisServer, startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { TemporaryData } from './temporary-data.ts';

let server: RedisServer;
let redis: Redis;
const onUnreadable = vi.fn();
const schema = z.strictObject({ rows: z.int() });

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});
beforeEach(async () => {
  onUnreadable.mockClear();
  await redis.flushall();
});

const results = (kind = 'result') =>
  new TemporaryData({ redis, kind, schema, max_bytes: 100, maxValues: 3, maxPerOwner: 3, onUnreadable });

/** As time would. */
async function end(key: string): Promise<void> {
  await redis.pexpire(key, 1);
  await expect.poll(() => redis.exists(key)).toBe(0);
}

test('a value is there until its time is over, also for another process', async () => {
  expect(await results().get('a')).toBeUndefined();
  expect(await results().put('a', 'ann', { rows: 1 }, 60_000)).toBe('stored');
  expect(await results().put('a', 'ann', { rows: 2 }, 60_000)).toBe('stored');
  expect(await results().get('a')).toEqual({ rows: 2 });
  expect(await results('other').get('a')).toBeUndefined();
  await end('temporary:{result}:a');
  expect(await results().get('a')).toBeUndefined();
});

test('every value has a TTL, and so has their list; a short TTL shortens no other one', async () => {
  await results().put('long', 'ann', { rows: 1 }, 60_000);
  await results().put('short', 'ann', { rows: 1 }, 1_000);
  const keys = (await redis.keys('*')).sort();
  expect(keys).toEqual([
    'temporary:{result}',
    'temporary:{result}/ann',
    'temporary:{result}:long',
    'temporary:{result}:short',
  ]);
  const [list = 0, own = 0, long = 0, short = 0] = await Promise.all(keys.map((key) => redis.pttl(key)));
  expect(short).toBeGreaterThan(0);
  expect(short).toBeLessThanOrEqual(1_000);
  expect(long).toBeGreaterThan(1_000);
  expect(Math.min(list, own)).toBeGreaterThanOrEqual(long);
});

test('of many callers that want a free id one gets it', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 20 }, (_, rows) => results().putNew('a', 'ann', { rows }, 60_000)),
  );
  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(1);
  expect(outcomes.filter((outcome) => outcome === 'taken')).toHaveLength(19);
});

test('at its limit it takes no new value but replaces old ones, and an expired value makes room', async () => {
  for (const id of ['a', 'b', 'c'])
    expect(await results().put(id, 'ann', { rows: 1 }, 60_000)).toBe('stored');
  expect(await results().put('d', 'ann', { rows: 1 }, 60_000)).toBe('full');
  expect(await results().get('d')).toBeUndefined();
  expect(await results('other').put('d', 'ann', { rows: 1 }, 60_000)).toBe('stored');
  expect(await results().put('a', 'ann', { rows: 2 }, 20)).toBe('stored');
  await expect.poll(() => results().put('d', 'ann', { rows: 1 }, 60_000)).toBe('stored');
  expect(await results().put('e', 'ann', { rows: 1 }, 60_000)).toBe('full');
});

test('an owner at its limit leaves room for others, and an expired value of its own makes room for it', async () => {
  const data = new TemporaryData({
    redis,
    kind: 'result',
    schema,
    max_bytes: 100,
    maxValues: 3,
    maxPerOwner: 2,
    onUnreadable,
  });
  const put = (id: string, owner: string, ttl_ms = 60_000) => data.put(id, owner, { rows: 1 }, ttl_ms);
  expect([await put('a', 'ann'), await put('b', 'ann'), await put('c', 'ann')]).toEqual([
    'stored',
    'stored',
    'full',
  ]);
  expect([await put('c', 'bob'), await put('d', 'bob')]).toEqual(['stored', 'full']);
  expect(await put('a', 'ann', 20)).toBe('stored');
  await expect.poll(() => put('e', 'ann')).toBe('stored');
  expect(await put('d', 'bob')).toBe('full');
});

test('a value beyond its size is refused, counted in bytes', async () => {
  const texts = new TemporaryData({
    redis,
    kind: 'text',
    schema: z.string(),
    max_bytes: 20,
    maxValues: 1,
    maxPerOwner: 1,
    onUnreadable,
  });
  expect(await texts.put('a', 'ann', 'x'.repeat(18), 60_000)).toBe('stored');
  expect(await texts.put('a', 'ann', 'x'.repeat(19), 60_000)).toBe('too-large');
  expect(await texts.put('a', 'ann', 'ü'.repeat(10), 60_000)).toBe('too-large');
  expect(await texts.get('a')).toBe('x'.repeat(18));
});

test.each(['{"rows":"many"}', '{"rows":1,"more":2}', '{"rows":', ''])(
  'a value that another release wrote counts as absent, and is reported: %j',
  async (text) => {
    await redis.set('temporary:{result}:a', text);
    expect(await results().get('a')).toBeUndefined();
    expect(onUnreadable).toHaveBeenCalledOnce();
  },
);

test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
  'it cannot be put for %d ms',
  async (ttl_ms) => {
    await expect(results().put('a', 'ann', { rows: 1 }, ttl_ms)).rejects.toThrow(RangeError);
    expect(await redis.keys('*')).toEqual([]);
  },
);

test('a kind whose keys could be those of another kind is refused', () => {
  expect(() => results('a:b')).toThrow(RangeError);
  expect(() => results('a}')).toThrow(RangeError);
});

test('without Redis a read fails, and does not say that the value is absent', async () => {
  const away = new Redis(1, { lazyConnect: true, retryStrategy: () => null, enableOfflineQueue: false });
  away.on('error', () => {});
  const data = new TemporaryData({
    redis: away,
    kind: 'result',
    schema,
    max_bytes: 100,
    maxValues: 3,
    maxPerOwner: 3,
    onUnreadable,
  });
  await expect(data.get('a')).rejects.toThrow();
  await expect(data.put('a', 'ann', { rows: 1 }, 60_000)).rejects.toThrow();
  away.disconnect();
});
