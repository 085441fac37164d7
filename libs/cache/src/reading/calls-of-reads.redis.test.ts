/** How often a read asks Redis, and in which order many keys are answered. */
import type { Entity } from '@catalog/contracts';
import { type RedisServer, startRedis } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Cache, createCache } from '../cache.ts';
import { InvalidationPublisher } from '../invalidating/invalidation-publisher.ts';
import { CacheConnection } from '../redis/cache-connection.ts';
import type { EntityCache } from './entity-cache.ts';

const THING: Entity = { name: 'thing', cacheKey: (key) => `thing:${key}`, payloadSchema: 1 };
const ignore = () => undefined;
const database = { currentIncarnation: async () => 'test' };

let server: RedisServer;
let worker: CacheConnection;
let beating: NodeJS.Timeout;
const caches: Cache[] = [];

beforeAll(async () => {
  server = await startRedis();
  worker = new CacheConnection({
    url: server.url,
    name: 'worker',
    database,
    call_ms: 10_000,
    onError: ignore,
  });
  await worker.start();
  const publisher = new InvalidationPublisher(worker);
  const beat = async () => publisher.heartbeat(await worker.time_ms());
  beating = setInterval(() => void beat().catch(ignore), 100);
});
afterAll(async () => {
  clearInterval(beating);
  for (const cache of caches) await cache.stop();
  worker.stop();
  await server.stop();
});
beforeEach(async () => {
  await worker.redis.flushall();
});

async function newProcess(): Promise<EntityCache> {
  const cache = createCache({ url: server.url, name: 'reader', database, onError: ignore });
  caches.push(cache);
  await cache.start();
  const isReady = ({ nearCache, redisIsFresh } = cache.status()) => nearCache.isSound && redisIsFresh;
  while (!isReady()) await new Promise(setImmediate);
  return cache.define(
    THING,
    async (keys) => new Map(keys.map((key) => [key, { version: key.charCodeAt(0), body: { key } }])),
  );
}

/** Since the last call. Heartbeats run by `eval`. */
const calls = async () => {
  const stats = await worker.redis.info('commandstats');
  await worker.redis.config('RESETSTAT');
  return stats.match(/cmdstat_(?:mget|evalsha):calls=\d+/g)?.toSorted() ?? [];
};

test('a hit asks Redis once and runs no script; a miss runs one to read and one to fill', async () => {
  const [one, other] = [await newProcess(), await newProcess()];
  // Redis gets the scripts.
  await one.get('z');
  await calls();
  expect((await one.get('a')).source).toBe('stored');
  expect(await calls()).toEqual(['cmdstat_evalsha:calls=2', 'cmdstat_mget:calls=1']);
  expect((await other.get('a')).source).toBe('redis');
  expect(await calls()).toEqual(['cmdstat_mget:calls=1']);
});

test('many keys are answered in their order, by the near cache alone if it has them all', async () => {
  const things = await newProcess();
  expect(things.near.getMany(['a', 'b', 'c'])).toBeUndefined();
  const versions = (answers?: readonly { version: number }[]) => answers?.map(({ version }) => version);
  const keys = ['c', 'a', 'b'];
  expect(versions(await things.getMany(keys))).toEqual([99, 97, 98]);
  expect(versions(things.near.getMany(keys))).toEqual([99, 97, 98]);
  expect(things.near.getMany(keys, 98)).toBeUndefined();
});
