import { createPool, type Pool } from '@catalog/database';
import { ProductViews } from '@catalog/redis';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';
import { ViewTotals } from './view-totals.ts';

let stores: Stores;
let pool: Pool;
let redis: Redis;
let totals: ViewTotals;
let ids: string[];

beforeAll(async () => {
  stores = await startStores();
  pool = createPool({ url: stores.database.urlFor('invalidation_worker'), applicationName: 'worker' });
  redis = new Redis(stores.stateRedis.url);
});
afterAll(async () => {
  redis.disconnect();
  await pool.end();
  await stores[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await redis.flushall();
  await stores.owner.query(
    'delete from catalog.product_views; delete from catalog.products; update catalog.view_progress set last_batch = default, checked_to = default',
  );
  ids = await insertActive(3);
  totals = new ViewTotals({ redis, pool, reportFailure: () => (error) => expect.fail(String(error)) });
});

const insertActive = async (howMany: number): Promise<string[]> => {
  const inserted = await stores.insertProducts(howMany);
  await stores.owner.query(`update catalog.products set status = 'active' where id = any ($1)`, [inserted]);
  return inserted;
};
/** As catalog-read counts. */
const count = async (id: string, views: number) => new ProductViews(redis).count([{ id, views }]);
const popular = async () => redis.zrevrange('views:popular', 0, -1, 'WITHSCORES');
const archived = async () => {
  const { rows } = await stores.owner.query<{ id: string; views: number }>(
    'select product_id as id, views::int from catalog.product_views order by views desc',
  );
  return rows.map(({ id, views }) => [id, views]);
};

test('views are added to the totals, and the most viewed products come first in the popular list', async () => {
  const [a = '', b = ''] = ids;
  await count(a, 5);
  await count(b, 7);
  expect(await totals.update()).toBe(2);
  await count(a, 3);
  expect(await totals.update()).toBe(1);
  expect(await totals.update()).toBe(0);
  expect(await archived()).toEqual([
    [a, 8],
    [b, 7],
  ]);
  expect(await popular()).toEqual([a, '8', b, '7']);
  expect(await redis.keys('*')).toEqual(['views:popular']);
});

test('a Redis that lost its data gets the popular list again', async () => {
  const [a = '', b = ''] = ids;
  await count(a, 50);
  await totals.update();
  await redis.flushall();
  await count(b, 3);
  await totals.update();
  expect(await popular()).toEqual([a, '50', b, '3']);
});

test.each(['before', 'after'])('a worker that dies %s its commit adds the batch once', async (moment) => {
  const [a = ''] = ids;
  await count(a, 9);
  const connection = new Redis(stores.stateRedis.url);
  const dying = new ViewTotals({ redis: connection, pool, reportFailure: () => () => undefined });
  await using adding = await holdAdding();
  const died = dying.update().catch((error: unknown) => error);
  await adding.reached();
  connection.disconnect();
  if (moment === 'before') await adding.kill();
  await adding.release();
  expect(await died).toBeInstanceOf(Error);
  expect(await archived()).toEqual(moment === 'before' ? [] : [[a, 9]]);
  expect(await redis.exists('views:closed')).toBe(1);
  await count(a, 1);
  expect(await totals.update()).toBe(moment === 'before' ? 1 : 0);
  expect(await totals.update()).toBe(1);
  expect(await archived()).toEqual([[a, 10]]);
});

test('views that are counted while a batch is added go into the next batch', async () => {
  const [a = ''] = ids;
  await count(a, 9);
  await using adding = await holdAdding();
  const updated = totals.update();
  await adding.reached();
  await count(a, 1);
  await adding.release();
  expect(await updated).toBe(1);
  expect(await archived()).toEqual([[a, 9]]);
  expect(await totals.update()).toBe(1);
  expect(await archived()).toEqual([[a, 10]]);
});

test('while one worker adds a batch, another one does not', async () => {
  const [a = ''] = ids;
  await count(a, 9);
  await using adding = await holdAdding();
  const updated = totals.update();
  await adding.reached();
  const other = new ViewTotals({ redis, pool, reportFailure: () => () => undefined });
  expect(await other.update()).toBeUndefined();
  await adding.release();
  expect(await updated).toBe(1);
  expect(await archived()).toEqual([[a, 9]]);
});

test('a worker that pauses until Postgres closes its session cannot add its batch a second time', async () => {
  const [a = ''] = ids;
  await count(a, 9);
  await using adding = await holdAdding();
  const paused = totals.update().catch((error: unknown) => error);
  await adding.reached();
  await adding.kill();
  await adding.release();
  expect(await paused).toBeInstanceOf(Error);
  expect(await totals.update()).toBe(1);
  expect(await archived()).toEqual([[a, 9]]);
});

test('only active products are popular, and a deleted product leaves the list and the totals', async () => {
  const [a = '', b = '', c = ''] = ids;
  for (const id of ids) await count(id, 1);
  await totals.update();
  await stores.owner.query('delete from catalog.products where id = $1', [a]);
  await stores.owner.query(`update catalog.products set status = 'archived' where id = $1`, [b]);
  await totals.update();
  expect(await popular()).toEqual([c, '1']);
  expect(new Set((await archived()).map(([id]) => id))).toEqual(new Set([b, c]));
});

test('the totals of many deleted products are deleted part by part', async () => {
  const many = await insertActive(2_500);
  await new ProductViews(redis).count(many.map((id) => ({ id, views: 1 })));
  await totals.update();
  await stores.owner.query('delete from catalog.products where id = any ($1)', [many]);
  const left: number[] = [];
  for (let round = 0; round < 4; round++) {
    await totals.update();
    left.push((await archived()).length);
  }
  expect(left.at(-1)).toBe(0);
  expect(left[0]).toBeGreaterThan(0);
});

test('views of an id that is no product, or that somebody wrote by hand, do not stop the others', async () => {
  const [a = ''] = ids;
  await count(a, 2);
  await redis.zadd('views:open', 1, 'no-uuid', 1.5, ids[1] ?? '', '+inf', ids[2] ?? '');
  await count('00000000-0000-4000-8000-000000000000', 1);
  await totals.update();
  expect(await archived()).toEqual([[a, 2]]);
  await stores.owner.query('update catalog.product_views set views = 9007199254740990');
  await count(a, 5);
  await totals.update();
  expect((await stores.owner.query('select views from catalog.product_views')).rows).toEqual([
    { views: Number.MAX_SAFE_INTEGER },
  ]);
});

test('the popular list has a thousand products at most', async () => {
  const many = await insertActive(1_200);
  await new ProductViews(redis).count(many.map((id, index) => ({ id, views: index + 1 })));
  await totals.update();
  expect(await redis.zrange('views:popular', '0', '-1')).toEqual(many.slice(-1_000));
});

/** Holds a worker between its read of the batch and its commit. */
async function holdAdding() {
  await stores.owner.query(`
    create or replace function catalog.wait_for_test() returns trigger language plpgsql security definer as
      'begin perform pg_advisory_xact_lock_shared(4711); return null; end';
    create or replace trigger wait_for_test before insert on catalog.product_views
      for each statement execute function catalog.wait_for_test()`);
  const holder = createPool({ url: stores.database.url, applicationName: 'test', max: 1 });
  await holder.query('select pg_advisory_lock(4711)');
  const waiting = `from pg_locks where locktype = 'advisory' and objid = 4711 and not granted`;
  return {
    reached: () =>
      eventually(async () => ((await stores.owner.query(`select ${waiting}`)).rowCount ?? 0) > 0),
    kill: () => stores.owner.query(`select pg_terminate_backend(pid, 5000) ${waiting}`),
    release: () => holder.query('select pg_advisory_unlock(4711)'),
    [Symbol.asyncDispose]: () => holder.end(),
  };
}
