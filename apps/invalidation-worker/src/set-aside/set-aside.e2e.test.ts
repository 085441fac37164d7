/** A key that the cache Redis refuses to invalidate, because its ACL forbids the key to the worker. */
import { SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
import { entityLoaders } from '@catalog/database';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RunningWorker, startStores, startWorker, type Stores } from '../testing/running-worker.ts';

let on: Stores;
let worker: RunningWorker;
let redis: Redis;
const key = SETTINGS.cacheKey(SETTINGS_KEY);

beforeAll(async () => {
  on = await startStores();
  redis = new Redis(on.cacheRedis.url);
  await allow('~product:*');
  const url = new URL(on.cacheRedis.url);
  [url.username, url.password] = ['worker', 'secret'];
  worker = await startWorker(on, { cacheRedisUrl: url.href });
  await worker.ready();
});
afterAll(async () => {
  redis.disconnect();
  await worker[Symbol.asyncDispose]();
  await on[Symbol.asyncDispose]();
});

const allow = (...keys: string[]) =>
  redis.acl('SETUSER', 'worker', 'reset', 'on', '>secret', '+@all', '&*', '~sku:*', '~generation:*', ...keys);

const warning = async (): Promise<string | undefined> => {
  const report = (await (await fetch(`${worker.url}/readyz`)).json()) as {
    warnings?: Record<string, string>;
  };
  return report.warnings?.['set aside'];
};

test('it delays no other change, is read from Postgres, and is released when the ACL allows it', async () => {
  const settings = on.reader.cache.define(SETTINGS, entityLoaders(on.owner).settings);
  const read = () => settings.get(SETTINGS_KEY);
  const change = async (): Promise<number> => {
    const { rows } = await on.owner.query<{ version: number }>(
      'update catalog.settings set store_name = gen_random_uuid()::text returning version',
    );
    return rows[0]?.version ?? 0;
  };
  await on.settled();
  await read();
  await eventually(async () => (await read()).source === 'near');

  // The refused key, and good ones.
  const version = await change();
  await on.insertProducts(1);
  await on.settled(5_000);
  expect((await on.reader.store.inspect(key)).version).toBeLessThan(version);
  await eventually(async () => (await read()).version === version, { timeout_ms: 2_000 });

  // The watermark goes on: other keys are served from the caches, and only this key is not.
  await eventually(() => on.reader.cache.status().watermarkAge_ms < 1_000);
  for (let times = 0; times < 20; times++) {
    const answer = await read();
    expect(answer.version).toBe(version);
    expect(['near', 'redis', 'stale']).not.toContain(answer.source);
  }
  expect(await warning()).toContain(key);
  expect(worker.log()).toContain('refuses to invalidate a key');
  const next = await change();
  await eventually(async () => (await read()).version === next, { timeout_ms: 2_000 });

  await allow('~product:*', '~*:settings');
  await eventually(async () => (await read()).source === 'near', { timeout_ms: 15_000 });
  expect((await read()).version).toBe(next);
  expect(await warning()).toBeUndefined();
});
