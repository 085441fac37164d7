import { readFile } from 'node:fs/promises';
import { type Cache, createCache } from '@catalog/cache';
import type { ServicePool } from '@catalog/database';
import { eventually } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startStores, startWorker, type RunningWorker, type Stores } from './testing/running-worker.ts';

interface Answer {
  readonly value: { readonly id: string; readonly percent: number } | null;
  readonly source: string;
}
interface Rates {
  get(id: string): Promise<Answer>;
}

let stores: Stores;
let worker: RunningWorker;
let cache: Cache;
beforeAll(async () => {
  stores = await startStores();
  worker = await startWorker(stores, {
    entities: [{ name: 'rate', cacheKey: (id) => `rate:${id}`, payloadSchema: 1 }],
  });
  await worker.ready();
  cache = createCache({
    url: stores.cacheRedis.url,
    name: 'readme',
    database: stores.owner,
    onError: () => undefined,
  });
  await cache.start();
  // From the first heartbeat on, the caches are trusted.
  await eventually(() => cache.status().redisIsFresh && cache.status().nearCache.isSound);
});
afterAll(async () => {
  await cache?.stop();
  await worker?.[Symbol.asyncDispose]();
  await stores?.[Symbol.asyncDispose]();
});

test('"Cache your own table" of the README: rows are cached, and every change in SQL reaches the cache', async () => {
  const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
  const section = readme.split('## Cache your own table')[1]?.split('\n## ')[0] ?? '';
  const [, sql = ''] = /```sql\n([^]*?)```/.exec(section) ?? [];
  const [, code = ''] = /```ts\n([^]*?)```/.exec(section) ?? [];
  expect(`${sql}${code}`.trim().split('\n').length).toBeLessThanOrEqual(12);
  await stores.owner.query(sql);
  await stores.owner.query("insert into catalog.rates (id, percent) values ('vat', 19)");
  await stores.settled();

  const asModule = `export default async (cache, pool) => {${code} return { rates, first: { value, source } }; };`;
  const { default: run } = (await import(`data:text/javascript,${encodeURIComponent(asModule)}`)) as {
    default: (cache: Cache, pool: ServicePool) => Promise<{ rates: Rates; first: Answer }>;
  };
  const { rates, first } = await run(cache, stores.owner);
  expect(first).toMatchObject({ value: { id: 'vat', percent: 19 }, source: 'stored' });
  await eventually(async () => expect((await rates.get('vat')).source).toBe('near'));

  await stores.owner.query("update catalog.rates set percent = 7 where id = 'vat'");
  await eventually(async () => expect((await rates.get('vat')).value).toMatchObject({ percent: 7 }));
  await stores.owner.query("delete from catalog.rates where id = 'vat'");
  await eventually(async () => expect((await rates.get('vat')).value).toBeNull());
  await stores.owner.query("insert into catalog.rates (id, percent) values ('vat', 8)");
  await eventually(async () => expect((await rates.get('vat')).value).toMatchObject({ percent: 8 }));
  expect((await rates.get('none')).value).toBeNull();
});
