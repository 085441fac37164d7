import { type HeldKey, heldKeySchema } from '@catalog/contracts';
import { Redis } from 'ioredis';
import { afterAll, expect, test } from 'vitest';
import { startStores, startWorker } from '../testing/running-worker.ts';

const stores = await startStores();
const worker = await startWorker(stores);
await worker.ready();
const redis = new Redis(stores.cacheRedis.url);
afterAll(async () => {
  redis.disconnect();
  await worker[Symbol.asyncDispose]();
  await stores[Symbol.asyncDispose]();
});

async function held(key: string): Promise<HeldKey> {
  const response = await worker.call('GET', `/v1/keys?key=${encodeURIComponent(key)}`);
  expect(response.status).toBe(200);
  return heldKeySchema.parse(await response.json());
}

test('a key of each kind is shown as Postgres and Redis hold it, with versions and times', async () => {
  const [id = ''] = await stores.insertProducts(1);
  await stores.settled();
  const version = await stores.reader.fill(`product:${id}`);
  expect(await held(`product:${id}`)).toMatchObject({
    equal: true,
    postgres: { state: 'value', version },
    redis: { state: 'value', version, equal: true, isOfThisIncarnation: true, isLeased: false },
  });
  const { rows } = await stores.owner.query<{ sku: string }>(
    'select sku from catalog.products where id = $1',
    [id],
  );
  const sku = `sku:${rows[0]?.sku}`;
  // An SKU has no version, and nobody has read it yet.
  expect(await held(sku)).toEqual({
    key: sku,
    equal: true,
    postgres: { state: 'value' },
    redis: { state: 'absent', equal: null },
  });
  await stores.reader.fill(sku);
  const filled = await held(sku);
  expect(filled).toMatchObject({ postgres: { state: 'value' }, redis: { state: 'value', equal: true } });
  expect(filled.redis.ttlMs).toBeGreaterThan(filled.redis.ageMs ?? Number.NaN);
  expect(await held('report:sales:2026-01')).toMatchObject({ redis: { state: 'absent', equal: null } });
});

test('an entry with other content than Postgres is not equal', async () => {
  const [id = ''] = await stores.insertProducts(1);
  await stores.settled();
  const key = `product:${id}`;
  await stores.reader.fill(key);
  const raw = (await redis.get(key)) ?? '';
  await redis.set(key, `${raw.slice(0, raw.indexOf('\n'))}\n{"name":"never"}`, 'KEEPTTL');
  expect(await held(key)).toMatchObject({ equal: false, redis: { state: 'value', equal: false } });
});

test('a product that does not exist is missing in both', async () => {
  const key = 'product:0190c0de-0000-7000-8000-000000000000';
  await stores.reader.fill(key);
  expect(await held(key)).toMatchObject({
    equal: true,
    postgres: { state: 'missing' },
    redis: { state: 'missing', equal: true },
  });
});
