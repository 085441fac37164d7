import { problemSchema, purgeResultSchema, SETTINGS, UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { startStores, startWorker } from '../testing/running-worker.ts';

const stores = await startStores();
const { reader } = stores;
const worker = await startWorker(stores);
await worker.ready();
const redis = new Redis(stores.cacheRedis.url);
afterAll(async () => {
  redis.disconnect();
  await worker[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await redis.flushall();
  reader.heard.length = 0;
});

async function purge(body: object) {
  const response = await worker.call('POST', '/v1/purges', { body });
  expect(response.status).toBe(200);
  return purgeResultSchema.parse(await response.json());
}

async function fillAll() {
  const ids = await stores.insertProducts(3);
  await stores.settled();
  const keys = ids.map((id) => `product:${id}`);
  for (const key of keys) await reader.fill(key);
  await reader.fill('sku:of nobody');
  await reader.fill('app:settings');
  return keys;
}

const states = async (keys: readonly string[]) =>
  Promise.all(keys.map(async (key) => (await reader.state(key)).state));

test('a purged key is dead for all readers, and announced to the near caches', async () => {
  const [key = '', ...others] = await fillAll();
  expect(await purge({ key, reason: 'wrong price' })).toEqual({ entries: 1, invalidated: 1 });
  expect(await states([key, ...others])).toEqual(['dead', 'value', 'value']);
  const purged = ([heard, version]: readonly [string, number]) =>
    version === UNCONDITIONAL_VERSION && heard.startsWith('product:');
  await eventually(() => reader.heard.some(purged));
  expect(reader.heard.filter(purged)).toEqual([[key, UNCONDITIONAL_VERSION]]);
  expect(worker.log()).toMatch(/"who":"test","purge":\{"key":"product:[^"]+","reason":"wrong price"\}/);
});

test('a reader that got its lease before a purge cannot fill', async () => {
  const [key = ''] = await fillAll();
  await purge({ key, reason: 'first' });
  const { grant, lease } = await reader.store.readOrLease(key, 1, 'holder');
  expect(lease).toBe('granted');
  await purge({ key, reason: 'second' });
  const stored = await reader.store.fill(key, 1, grant, { version: 1, payload: Buffer.from('{}') }, 60_000);
  expect(stored.stored).toBe(false);
});

test('a purge of one entity leaves other entities alone', async () => {
  const keys = await fillAll();
  expect(await purge({ entity: 'product', reason: 'a bad import' })).toEqual({ entries: 3, invalidated: 3 });
  expect(await states(keys)).toEqual(['dead', 'dead', 'dead']);
  expect(await states(['sku:of nobody', 'app:settings'])).toEqual(['missing', 'value']);
});

test('a purge of everything includes list pages and near caches, and leaves foreign keys alone', async () => {
  const keys = await fillAll();
  await redis.set('generation:products', 'before');
  await redis.set('somebody:else', 'x');
  const nearCache = () => reader.cache.status().nearCache;
  await eventually(() => nearCache().isSound);
  const { gap } = nearCache().silences;
  const result = await purge({ all: true, reason: 'a test' });
  expect(result).toEqual({ entries: 5, invalidated: 5 });
  expect(await states([...keys, 'sku:of nobody', 'app:settings'])).toEqual([
    'dead',
    'dead',
    'dead',
    'absent',
    'dead',
  ]);
  expect(await redis.get('generation:products')).not.toBe('before');
  expect(await redis.get('somebody:else')).toBe('x');
  // The gap in the sequence empties near caches.
  await eventually(() => nearCache().silences.gap > gap);
  await eventually(() => nearCache().isSound);
});

test.each([
  [{ reason: 'why not' }, '/key', 'exactly one'],
  [{ key: 'app:settings', all: true, reason: 'why not' }, '/key', 'exactly one'],
  [{ key: 'app:settings' }, '/reason', 'required'],
  [{ key: 'app:settings', reason: 'not \ud800' }, '/reason', 'well-formed'],
  [{ key: 'app:settings', reason: '  ' }, '/reason', ''],
  [{ key: 'app:settings', reason: 'x'.repeat(501) }, '/reason', ''],
  [{ key: 'bull:invalidation:meta', reason: 'why not' }, '/key', 'must be the key of a cached entity'],
  [{ key: 'product:', reason: 'why not' }, '/key', 'must be the key of a cached entity'],
  [{ entity: 'customer', reason: 'why not' }, '/entity', ''],
  [{ all: false, reason: 'why not' }, '/all', ''],
  [{ all: true, reason: 'why not', force: true }, '/force', 'is not known here'],
])('%j is refused, naming %s', async (body, pointer, message) => {
  await reader.fill('app:settings');
  const response = await worker.call('POST', '/v1/purges', { body });
  expect(response.status).toBe(400);
  const problem = problemSchema.parse(await response.json());
  expect(problem.errors.map((error) => error.pointer)).toContain(pointer);
  expect(problem.errors.map((error) => error.message).join()).toContain(message);
  expect(await states([SETTINGS.cacheKey('app')])).toEqual(['value']);
});

test('a purge without the scope is refused', async () => {
  await reader.fill('app:settings');
  const body = { all: true, reason: 'why not' };
  const token = stores.tokens.sign({ aud: 'invalidation-worker', scope: 'catalog:read catalog:write' });
  expect((await worker.call('POST', '/v1/purges', { body, token: null })).status).toBe(401);
  expect((await worker.call('POST', '/v1/purges', { body, token })).status).toBe(403);
  expect(await states(['app:settings'])).toEqual(['value']);
});

test('while the cache is away, a purge answers 503', async () => {
  await stores.cacheRedis.kill('SIGSTOP');
  try {
    const response = await worker.call('POST', '/v1/purges', {
      body: { key: 'app:settings', reason: 'why not' },
    });
    expect(response.status).toBe(503);
    expect(problemSchema.parse(await response.json()).code).toBe('unavailable');
  } finally {
    await stores.cacheRedis.kill('SIGCONT');
  }
});
