/** A key that the cache Redis refuses to invalidate, because its ACL forbids the key to the worker. */
import { type AuditResult, auditResultSchema, SETTINGS, SETTINGS_KEY } from '@catalog/contracts';
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

const nothingWrong = { older: 0, newer: 0, other: 0 };

const audit = async (): Promise<AuditResult> => {
  const response = await worker.call('POST', '/v1/audits');
  expect(response.status).toBe(200);
  return auditResultSchema.parse(await response.json());
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

  // Nothing has changed, so no key is set aside: an audit reads every key.
  expect((await audit()).wrong).toEqual(nothingWrong);

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
  // The entry of the refused key is old, and no reader is served from it.
  expect(await audit()).toMatchObject({ wrong: nothingWrong, repaired: 0 });
  expect(await warning()).toContain(key);
  expect(worker.log()).toContain('refuses to invalidate a key');
  const next = await change();
  await eventually(async () => (await read()).version === next, { timeout_ms: 2_000 });

  await allow('~product:*', '~*:settings');
  await eventually(async () => (await read()).source === 'near', { timeout_ms: 15_000 });
  expect((await read()).version).toBe(next);
  expect(await warning()).toBeUndefined();
});

test('a wrong entry that Redis refuses to repair is counted, and the audit goes on', async () => {
  await on.reader.fill(key);
  const raw = (await redis.get(key)) ?? '';
  await redis.set(key, `${raw.slice(0, raw.indexOf('\n'))}\n{"storeName":"never"}`, 'KEEPTTL');
  await allow('~product:*', '%R~*:settings');
  expect(await audit()).toMatchObject({ wrong: { ...nothingWrong, other: 1 }, repaired: 0 });
  await allow('~product:*', '~*:settings');
  expect(await audit()).toMatchObject({ wrong: { ...nothingWrong, other: 1 }, repaired: 1 });
  expect(await audit()).toMatchObject({ wrong: nothingWrong });
});

test('an entry of another type of Redis does not end an audit', async () => {
  await redis.rpush('product:00000000-0000-7000-8000-000000000001', 'x');
  expect(await audit()).toMatchObject({ wrong: nothingWrong });
});
