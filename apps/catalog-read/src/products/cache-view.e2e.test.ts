import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;
beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
});
afterAll(() => stores?.[Symbol.asyncDispose]());
beforeEach(async () => {
  stores.applier.follow();
  await reader.ready();
});

let serial = 0;
const insert = () => stores.insert({ sku: `VIEW-${(serial += 1)}` });
async function rename(id: string, name: string): Promise<number> {
  const { rows } = await stores.owner.query<{ version: string }>(
    'update catalog.products set name = $2 where id = $1 returning version',
    [id, name],
  );
  return Number(rows[0]?.version);
}

test('the view of a key shows Postgres, Redis and the near cache side by side, and the last change', async () => {
  const { id, version } = await insert();
  const view = async () => (await reader.get(`/v1/products/${id}/cache`)).json() as Promise<CacheView>;
  expect(await view()).toMatchObject({
    key: `product:${id}`,
    postgres: { state: 'value', version },
    redis: { state: 'absent' },
    near: { state: 'absent' },
  });
  await reader.get(`/v1/products/${id}`);
  expect(await view()).toMatchObject({
    equal: true,
    redis: { state: 'value', version, isOfThisIncarnation: true, isLeased: false, equal: true },
    near: { state: 'value', version, equal: true },
    process: { nearCacheIsSound: true, redisIsFresh: true },
  });
  const changed = await rename(id, 'Seen');
  await eventually(async () => (await view()).redis.state === 'dead');
  expect(await view()).toMatchObject({
    postgres: { version: changed },
    near: { state: 'absent' },
    lastInvalidation: { version: changed },
  });
});

test('the view of an SKU shows which caches hold the id of its product', async () => {
  const { id } = await insert();
  const { sku } = (await (await reader.get(`/v1/products/${id}`)).json()) as { sku: string };
  const view = async () => (await reader.get(`/v1/products/by-sku/${sku}/cache`)).json();
  expect(await view()).toMatchObject({
    key: `sku:${sku}`,
    postgres: { state: 'value' },
    redis: { state: 'absent' },
    near: { state: 'absent' },
  });
  await reader.get(`/v1/products/by-sku/${sku}`);
  expect(await view()).toMatchObject({
    equal: true,
    redis: { state: 'value', equal: true },
    near: { state: 'value', equal: true },
  });
});

interface CacheView {
  redis: { state: string };
}

test('the view of a key says whose content is not that of Postgres, at the same version too', async () => {
  const { id, version } = await insert();
  const view = async () => (await reader.get(`/v1/products/${id}/cache`)).json() as Promise<CacheView>;
  expect(await view()).toMatchObject({ equal: true, redis: { equal: null }, near: { equal: null } });
  await reader.get(`/v1/products/${id}`);
  const redis = new Redis(stores.cacheRedis.url);
  onTestFinished(() => redis.disconnect());
  const entry = (await redis.getBuffer(`product:${id}`))?.toString('latin1') ?? '';
  const forged = entry.replace('"brand":"', '"brand":"not ');
  expect(forged).not.toBe(entry);
  await redis.set(`product:${id}`, Buffer.from(forged, 'latin1'), 'KEEPTTL');
  const seen = await view();
  expect(seen).toMatchObject({
    equal: false,
    redis: { version, equal: false },
    near: { version, equal: true },
  });
  expect(JSON.stringify(seen)).not.toContain('brand');
});
