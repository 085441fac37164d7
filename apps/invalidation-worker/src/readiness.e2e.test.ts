/** `/readyz` names why no change is applied, although every store answers. */
import { createInvalidationQueue } from '@catalog/change-feed';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type RunningWorker, startStores, startWorker, type Stores } from './testing/running-worker.ts';

let stores: Stores;
let worker: RunningWorker;
let redis: Redis;
let cacheRedis: Redis;
beforeAll(async () => {
  stores = await startStores();
  worker = await startWorker(stores);
  await worker.ready();
  redis = new Redis(stores.stateRedis.url);
  cacheRedis = new Redis(stores.cacheRedis.url);
});
afterEach(() => worker.ready());
afterAll(async () => {
  redis.disconnect();
  cacheRedis.disconnect();
  await worker[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});

interface Report {
  checks: Record<string, string>;
  warnings?: Record<string, string>;
}
const report = async () => (await (await fetch(`${worker.url}/readyz`)).json()) as Report;
const queueCheck = async () => (await report()).checks['queue'];
const cacheCheck = async () => (await report()).checks['cache'];

test('a paused queue, and how late its changes are', async () => {
  const queue = createInvalidationQueue({ url: stores.stateRedis.url });
  await queue.pause();
  await stores.insertProducts(1);
  await eventually(async () => (await report()).warnings?.['watermark']?.includes('s late') === true);
  expect((await report()).checks).toMatchObject({ queue: 'fails: queue_paused', heartbeat: 'ok' });
  expect((await fetch(`${worker.url}/readyz`)).status).toBe(503);
  await queue.resume();
  await queue.close();
  await stores.settled();
  await expect.poll(async () => (await report()).warnings?.['watermark']).toBeUndefined();
});

test('a full state Redis', async () => {
  await redis.config('SET', 'maxmemory', '1mb');
  await expect.poll(queueCheck).toBe('fails: state_redis_full');
  await redis.config('SET', 'maxmemory', '0');
});

test('a state Redis that follows another server', async () => {
  await redis.replicaof('127.0.0.1', '1');
  await expect.poll(queueCheck).toBe('fails: state_redis_is_a_replica');
  await redis.replicaof('NO', 'ONE');
});

test('a full cache Redis that evicts nothing', async () => {
  await cacheRedis.config('SET', 'maxmemory-policy', 'noeviction', 'maxmemory', '1mb');
  await expect.poll(cacheCheck).toBe('fails: cache_redis_full');
  await cacheRedis.config('SET', 'maxmemory-policy', 'allkeys-lfu', 'maxmemory', '0');
});

test('a cache Redis that follows another server', async () => {
  await cacheRedis.replicaof('127.0.0.1', '1');
  await expect.poll(cacheCheck).toBe('fails: cache_redis_is_a_replica');
  await cacheRedis.replicaof('NO', 'ONE');
});

test('to ask whether the cache Redis takes writes leaves nothing in it', async () => {
  await report();
  expect(await cacheRedis.exists('list:write-probe')).toBe(0);
});
