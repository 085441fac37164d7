/** A real standby of Postgres answers while the primary is away. */
import {
  eventually,
  startPostgres,
  startStandby,
  type PostgresServer,
  type PostgresStandby,
} from '@catalog/testing';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let primary: PostgresServer;
let stores: Stores;
let standby: PostgresStandby;
let reader: Reader;
let alone: Reader;
beforeAll(async () => {
  primary = await startPostgres();
  stores = await startStores({ serverUrl: primary.url });
  standby = await startStandby(primary);
  reader = await stores.reader({ standbyPort: standby.port });
  alone = await stores.reader();
  await Promise.all([reader.ready(), alone.ready()]);
}, 120_000);
afterAll(async () => {
  await stores?.[Symbol.asyncDispose]();
  await standby?.stop();
  await primary?.stop();
});

const stale = 'catalog-read; hit; detail=stale';
const loseThePrimary = () => {
  stores.postgres.refuse();
  stores.postgres.cut();
  onTestFinished(() => stores.postgres.passThrough());
};

test('what no cache holds is answered by the standby, marked stale, and not cached', async () => {
  const product = await stores.insert({ sku: 'ON-STANDBY', category: 'standby' });
  await standby.catchUp();
  loseThePrimary();
  const paths = [
    `/v1/products/${product.id}`,
    '/v1/products/by-sku/ON-STANDBY',
    '/v1/products?category=standby',
    '/v1/products/facets?category=standby',
  ];
  for (const path of [...paths, ...paths]) {
    const answer = await eventually(async () => {
      const got = await reader.get(path);
      return got.status === 200 && got;
    });
    expect([path, answer.headers.get('cache-status')]).toEqual([path, stale]);
    expect([path, await answer.text()]).toEqual([path, expect.stringContaining('tandby')]);
    expect((await alone.get(path)).status).toBe(503);
  }
  stores.postgres.passThrough();
  const status = await eventually(async () => {
    const answer = await reader.get(`/v1/products/${product.id}`);
    const said = answer.headers.get('cache-status');
    return said !== stale && said;
  });
  expect(status).toContain('fwd=');
});

test('a row that the standby lacks, or holds in an older version than was served, is not answered', async () => {
  const served = await stores.insert({ sku: 'SERVED' });
  await standby.catchUp();
  await standby.pauseReplication();
  await stores.owner.query(`update catalog.products set name = 'Newer' where id = $1`, [served.id]);
  const missing = await stores.insert({ sku: 'NOT-THERE' });
  const forgetful = await stores.reader({ standbyPort: standby.port, nearCache_bytes: 1 });
  await forgetful.ready();
  await eventually(async () => {
    expect(await (await forgetful.get(`/v1/products/${served.id}`)).json()).toMatchObject({ name: 'Newer' });
  });
  await stores.cacheRedis.kill('SIGKILL');
  loseThePrimary();
  expect((await forgetful.get(`/v1/products/${missing.id}`)).status).toBe(503);
  expect((await forgetful.get(`/v1/products/${served.id}`)).status).toBe(503);
  // A reader that has served neither gets the older row of the standby.
  expect((await reader.get(`/v1/products/${served.id}`)).headers.get('cache-status')).toBe(stale);
});
