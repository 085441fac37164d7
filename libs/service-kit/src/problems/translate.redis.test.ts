import { startRedis, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { translate } from './translate.ts';

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

const failure = (): Promise<unknown> => redis.set('key', 'value').catch((error: unknown) => error);

test('a full Redis is unavailable', async () => {
  await redis.config('SET', 'maxmemory', '1');
  expect(translate(await failure())).toMatchObject({ code: 'unavailable' });
  await redis.config('SET', 'maxmemory', '0');
});

test('a Redis that follows another server is unavailable', async () => {
  await redis.replicaof('127.0.0.1', '1');
  expect(translate(await failure())).toMatchObject({ code: 'unavailable' });
  await redis.replicaof('NO', 'ONE');
});
