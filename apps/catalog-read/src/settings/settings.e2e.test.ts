import type { KeyView } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Reader, startStores, type Stores } from '../testing/running-catalog-read.ts';

let stores: Stores;
let reader: Reader;

beforeAll(async () => {
  stores = await startStores();
  reader = await stores.reader();
  await reader.ready();
});
afterAll(() => stores?.[Symbol.asyncDispose]());

const versionOf = (res: Response) => Number(res.headers.get('catalog-version'));

test('settings are cached, and a change of them is answered once it is applied', async () => {
  const first = await reader.get('/v1/settings');
  expect(first.status).toBe(200);
  expect((await reader.get('/v1/settings')).headers.get('cache-status')).toBe(
    'catalog-read; hit; detail=near',
  );
  await stores.owner.query(`update catalog.settings set store_name = 'Corner shop'`);
  const fresh = await eventually(async () => {
    const res = await reader.get('/v1/settings');
    return versionOf(res) > versionOf(first) && res;
  });
  expect(await fresh.json()).toMatchObject({ storeName: 'Corner shop', version: versionOf(fresh) });
});

test('the view of the settings shows who holds which version, and whether the content is equal', async () => {
  const view = async () => (await reader.get('/v1/settings/cache')).json() as Promise<KeyView>;
  await reader.get('/v1/settings');
  const before = await view();
  expect(before).toMatchObject({
    key: 'app:settings',
    equal: true,
    postgres: { state: 'value' },
    redis: { state: 'value', version: before.postgres.version, equal: true },
    near: { state: 'value', version: before.postgres.version, equal: true },
  });
  const { rows } = await stores.owner.query<{ version: string }>(
    `update catalog.settings set store_name = 'Seen by all' returning version`,
  );
  const version = Number(rows[0]?.version);
  await eventually(async () => (await view()).near.state === 'absent');
  expect(await view()).toMatchObject({ postgres: { version }, lastInvalidation: { version } });
});

test('Min-Version reads settings past the caches', async () => {
  await stores.applier.hold();
  const { rows } = await stores.owner.query<{ version: string }>(
    `update catalog.settings set store_name = 'Just now' returning version`,
  );
  const version = rows[0]?.version ?? '';
  const res = await reader.get('/v1/settings', { 'Min-Version': version });
  expect(await res.json()).toMatchObject({ storeName: 'Just now', version: Number(version) });
  stores.applier.follow();
});
