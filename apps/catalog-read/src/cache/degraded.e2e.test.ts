import { timings } from '@catalog/contracts';
import { withDeadline } from '@catalog/runtime';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
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
const insert = () => stores.insert({ sku: `D-${(serial += 1)}` });
const cacheStatus = async (id: string) =>
  (await reader.get(`/v1/products/${id}`)).headers.get('cache-status');

test('without heartbeats the near cache goes silent, and past the bound Redis is not trusted', async () => {
  const { id } = await insert();
  await cacheStatus(id);
  expect(await cacheStatus(id)).toBe('catalog-read; hit; detail=near');
  await stores.applier.hold();
  await eventually(async () => (await cacheStatus(id)) === 'catalog-read; hit; detail=redis');
  await eventually(async () => (await cacheStatus(id))?.includes('fwd=') === true);
  expect(reader.cache.status().watermarkAge_ms).toBeGreaterThan(timings.bound_ms);

  stores.applier.follow();
  await eventually(async () => (await cacheStatus(id)) === 'catalog-read; hit; detail=near');
});

test('when heartbeats say that the worker is too far behind, answers of Redis no longer count as fresh', async () => {
  const { id } = await insert();
  await cacheStatus(id);
  await stores.applier.hold();
  const watermark_ms = await stores.applier.time_ms();
  const beats = setInterval(() => void stores.applier.beatWithoutApplying(watermark_ms), 100);
  try {
    await stores.owner.query(`update catalog.products set name = 'Late' where id = $1`, [id]);
    const fresh = await eventually(async () => {
      const res = await reader.get(`/v1/products/${id}`);
      return res.headers.get('cache-status')?.includes('fwd=') === true && res;
    });
    expect(await fresh.json()).toMatchObject({ name: 'Late' });
  } finally {
    clearInterval(beats);
  }
});

test('with Redis gone reads come from Postgres, and Redis is used again when it is back, empty', async () => {
  const { id } = await insert();
  await cacheStatus(id);
  await stores.cacheRedis.kill('SIGKILL');
  await eventually(async () => (await cacheStatus(id)) === 'catalog-read; fwd=bypass');
  const during = await Promise.all(Array.from({ length: 200 }, () => reader.get(`/v1/products/${id}`)));
  expect(during.filter(({ status }) => status !== 200)).toEqual([]);

  await stores.cacheRedis.restart();
  await reader.ready();
  await eventually(async () => (await cacheStatus(id)) === 'catalog-read; hit; detail=near');
});

test('while Redis hangs, a read is answered from Postgres and does not hang', async () => {
  const { id } = await insert();
  await stores.cacheRedis.kill('SIGSTOP');
  try {
    const answers = await Promise.all(Array.from({ length: 50 }, () => reader.get(`/v1/products/${id}`)));
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  } finally {
    await stores.cacheRedis.kill('SIGCONT');
  }
});

test('while the state Redis hangs, a near hit does not hang, even when a rate limit window begins', async () => {
  const { id } = await insert();
  await cacheStatus(id);
  await stores.stateRedis.kill('SIGSTOP');
  try {
    for (const sub of ['first', 'second', 'third']) {
      const token = stores.tokens.sign({ aud: 'catalog-read', scope: 'catalog:read', sub });
      const hit = () => reader.get(`/v1/products/${id}`, { Authorization: `Bearer ${token}` });
      const late = () => new Error('the hit waits for the state Redis');
      const { headers } = await withDeadline(hit, { after_ms: 3_000, late });
      expect(headers.get('cache-status')).toBe('catalog-read; hit; detail=near');
    }
  } finally {
    await stores.stateRedis.kill('SIGCONT');
  }
});

test('while Postgres is away, cached products are served, and others are a 503 with Retry-After', async () => {
  const [cached, cold] = [await insert(), await insert()];
  await cacheStatus(cached.id);
  stores.postgres.refuse();
  stores.postgres.cut();
  try {
    expect(await cacheStatus(cached.id)).toBe('catalog-read; hit; detail=near');
    const res = await reader.get(`/v1/products/${cold.id}`);
    expect([res.status, res.headers.get('content-type')]).toEqual([503, 'application/problem+json']);
    expect(Number(res.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await reader.metric('loads_shed_total{of="keys",reason="failing"')).toBeGreaterThan(0);
  } finally {
    stores.postgres.passThrough();
  }
  await eventually(async () => (await reader.get(`/v1/products/${cold.id}`)).status === 200);
});

test('while Postgres is away and no heartbeats come, a cached product is served and marked stale', async () => {
  const { id } = await insert();
  await cacheStatus(id);
  await stores.applier.hold();
  stores.postgres.refuse();
  stores.postgres.cut();
  try {
    const stale = await eventually(async () => {
      const res = await reader.get(`/v1/products/${id}`);
      const { headers } = res;
      const isStale = headers.get('cache-status') === 'catalog-read; hit; detail=stale';
      return isStale && Number(headers.get('age')) >= 1 && res;
    });
    expect(stale.status).toBe(200);
  } finally {
    stores.postgres.passThrough();
  }
});

test('a thousand reads of a cold key cause one load from Postgres, or one per process if the first is slow', async () => {
  const { id } = await insert();
  const second = await stores.reader();
  await second.ready();
  const loads = async () => {
    const metric = 'cache_loads_total{entity="product"';
    return (await reader.metric(metric)) + (await second.metric(metric));
  };
  const before = await loads();
  const answers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => (n % 2 === 0 ? reader : second).get(`/v1/products/${id}`)),
  );
  expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
  const made = (await loads()) - before;
  expect(made).toBeGreaterThanOrEqual(1);
  expect(made).toBeLessThanOrEqual(2);
});

test('a value that Postgres cannot read fails only the request of its caller', async () => {
  for (let attempt = 0; attempt < 20; attempt++) {
    const read = async () => {
      await stores.owner.query("select '0000-01-01'::date");
      return Buffer.from('');
    };
    await expect(
      reader.cache.productPage([`unreadable ${attempt}`], read, Number.POSITIVE_INFINITY),
    ).rejects.toMatchObject({ code: 'invalid_request' });
  }
  expect(reader.cache.status().loads.lists).toMatchObject({ isOpen: false, shed: { failing: 0 } });
});
