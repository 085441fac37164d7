import { eventually, type RedisServer, startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Lock } from './lock.ts';

let server: RedisServer;
let redis: Redis;

beforeAll(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const lock = (name: string, ttl_ms = 10_000) => new Lock({ redis, name, ttl_ms });

test('of a hundred callers that want a lock at once one gets it, and the next one after its release', async () => {
  const all = await Promise.all(Array.from({ length: 100 }, () => lock('one').acquire()));
  const held = all.filter((each) => each !== undefined);
  expect(held).toHaveLength(1);
  await held[0]?.[Symbol.asyncDispose]();
  expect(await lock('one').acquire()).toBeDefined();
});

test('a lock ends by itself, and a holder that slept past its end does not release the lock of the next one', async () => {
  const sleeper = await lock('two', 50).acquire();
  const next = await eventually(async () => (await lock('two').acquire()) ?? false);
  await sleeper?.[Symbol.asyncDispose]();
  expect(await lock('two').acquire()).toBeUndefined();
  expect(next.fence).toBeGreaterThan(sleeper?.fence ?? Number.POSITIVE_INFINITY);
});

test('a lock always has a TTL', async () => {
  await lock('three', 5_000).acquire();
  expect(await redis.pttl('lock:{three}')).toBeGreaterThan(0);
});

test('only its holder extends a lock, and not after the end of the lock', async () => {
  const held = await lock('extended', 10_000).acquire();
  await redis.pexpire('lock:{extended}', 50);
  expect(await held?.extend()).toBe(true);
  expect(await redis.pttl('lock:{extended}')).toBeGreaterThan(5_000);

  await redis.del('lock:{extended}');
  expect(await held?.extend()).toBe(false);
  expect(await redis.exists('lock:{extended}')).toBe(0);
  await using next = await lock('extended', 10_000).acquire();
  expect(next).toBeDefined();
  await redis.pexpire('lock:{extended}', 5_000);
  expect(await held?.extend()).toBe(false);
  expect(await redis.pttl('lock:{extended}')).toBeLessThanOrEqual(5_000);
});

test('fencing tokens grow although Redis has lost everything, and although its clock went back', async () => {
  const before = await lock('four').acquire();
  await redis.flushall();
  const after = await lock('four').acquire();
  expect(after?.fence).toBeGreaterThan(before?.fence ?? Number.POSITIVE_INFINITY);
  expect(Number.isSafeInteger(after?.fence)).toBe(true);

  const future = 4_000_000_000_000_000;
  await redis.set('lock:{five}:fence', future);
  expect((await lock('five').acquire())?.fence).toBe(future + 1);
});
