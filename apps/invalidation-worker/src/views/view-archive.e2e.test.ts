import { createPool, LockLost, type Pool } from '@catalog/database';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';
import { ViewArchive } from './view-archive.ts';

let stores: Stores;
let pool: Pool;
let redis: Redis;
let archive: ViewArchive;
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
  await stores.owner.query('delete from catalog.product_views; delete from catalog.fences');
  ids = await stores.insertProducts(3);
  archive = new ViewArchive({ redis, pool, reportFailure: () => (error) => expect.fail(String(error)) });
});

/** Counts views the way catalog-read does. */
const count = async (id: string, views: number) =>
  redis.multi().zincrby('views:products', views, id).sadd('views:grown', id).exec();
const totals = async () => redis.zrevrange('views:products', 0, -1, 'WITHSCORES');
const archived = async () => {
  const { rows } = await stores.owner.query<{ id: string; views: number }>(
    'select product_id as id, views::int from catalog.product_views order by views desc',
  );
  return rows.map(({ id, views }) => [id, views]);
};

test('a count is copied when it has grown, and only then', async () => {
  const [a = '', b = ''] = ids;
  await count(a, 5);
  await count(b, 7);
  expect(await archive.copy()).toBe(2);
  await count(a, 1);
  expect(await archive.copy()).toBe(1);
  expect(await archived()).toEqual([
    [b, 7],
    [a, 6],
  ]);
});

test('a Redis that lost its data gets back the counts, or more when they have grown since', async () => {
  const [a = '', b = '', c = ''] = ids;
  await count(a, 50);
  await count(b, 70);
  await archive.copy();
  await redis.flushall();
  await count(a, 3);
  await count(c, 4);
  await archive.copy();
  expect(await totals()).toEqual([b, '70', a, '50', c, '4']);
  expect(await archived()).toEqual([
    [b, 70],
    [a, 50],
    [c, 4],
  ]);
});

test('a deleted product is no longer counted', async () => {
  const [a = '', b = ''] = ids;
  await count(a, 1);
  await count(b, 2);
  await stores.owner.query('delete from catalog.products where id = $1', [a]);
  await archive.copy();
  expect(await totals()).toEqual([b, '2']);
});

test.each(['before', 'after'])('a worker that dies %s its commit loses no count', async (moment) => {
  const [a = ''] = ids;
  await count(a, 9);
  const connection = new Redis(stores.stateRedis.url);
  const dying = new ViewArchive({ redis: connection, pool, reportFailure: () => () => undefined });
  await using archiving = await holdArchiving();
  const died = dying.copy().catch((error: unknown) => error);
  await archiving.reached();
  connection.disconnect();
  if (moment === 'before') await archiving.kill();
  await archiving.release();
  expect(await died).toBeInstanceOf(Error);
  expect(await archived()).toEqual(moment === 'before' ? [] : [[a, 9]]);
  expect(await redis.smembers('views:grown')).toEqual([a]);
  // The lock would expire by itself.
  await redis.del('lock:{view-archive}');
  expect(await archive.copy()).toBe(1);
  expect(await archived()).toEqual([[a, 9]]);
  expect(await redis.exists('views:grown')).toBe(0);
});

test('a count that grows during its copy is copied again at the next turn', async () => {
  const [a = '', b = ''] = ids;
  await count(a, 9);
  await count(b, 4);
  await using archiving = await holdArchiving();
  const copied = archive.copy();
  await archiving.reached();
  await count(a, 1);
  await archiving.release();
  expect(await copied).toBe(2);
  expect(await redis.smembers('views:grown')).toEqual([a]);
  expect(await archive.copy()).toBe(1);
  expect(await archived()).toEqual([
    [a, 10],
    [b, 4],
  ]);
});

test('while one worker copies, another does not', async () => {
  const other = new ViewArchive({ redis, pool, reportFailure: () => () => undefined });
  await count(ids[0] ?? '', 1);
  const outcomes = await Promise.all([archive.copy(), other.copy()]);
  expect(new Set(outcomes)).toEqual(new Set([1, undefined]));
});

test('a worker that paused for longer than its lock is refused, and the next turn copies its counts', async () => {
  const [a = ''] = ids;
  await count(a, 9);
  const later = 9_000_000_000_000_000;
  await stores.owner.query(`insert into catalog.fences values ('view-archive', $1)`, [later]);
  await expect(archive.copy()).rejects.toThrow(LockLost);
  expect(await archived()).toEqual([]);
  await stores.owner.query('delete from catalog.fences');
  expect(await archive.copy()).toBe(1);
  expect(await archived()).toEqual([[a, 9]]);
});

test('a product that is deleted after its last view leaves the counters and the archive', async () => {
  const [a = '', b = '', c = ''] = ids;
  await count(a, 3);
  await count(b, 2);
  await count(c, 1);
  await archive.copy();
  await stores.owner.query('delete from catalog.products where id = any ($1)', [[a, c]]);
  expect(await archive.copy()).toBe(0);
  expect(await totals()).toEqual([b, '2']);
  expect(await archived()).toEqual([[b, 2]]);
});

test('many deleted products leave part by part, the most viewed first, even when Redis loses its data in between', async () => {
  const many = await stores.insertProducts(4_000);
  await redis.zadd('views:products', ...many.flatMap((id, index) => [String(index + 1), id]));
  await redis.sadd('views:grown', ...many);
  await archive.copy();
  await stores.owner.query('delete from catalog.products where id = any ($1)', [many]);
  await archive.copy();
  const left = await redis.zrange('views:products', '0', '-1');
  // Some are left, but none of the thousand most viewed.
  expect(left.length).toBeGreaterThan(0);
  expect(left).toEqual(many.slice(0, 3_000).filter((id) => left.includes(id)));
  // The archive still has ids that the counters have lost.
  await redis.flushall();
  for (let turn = 0; turn < 3; turn++) await archive.copy();
  expect(await archived()).toEqual([]);
  expect(await totals()).toEqual([]);
});

/** Holds a worker between its read of the counts and its commit. */
async function holdArchiving() {
  await stores.owner.query(`
    create or replace function catalog.wait_for_test() returns trigger language plpgsql as
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
