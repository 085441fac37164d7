import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../postgres/pool.ts';
import { insertRow } from '../testing/products.ts';
import { dropExpiredHistory, makeHistoryPartitions } from './history-partitions.ts';

const day_s = 86_400;
let database: TestDatabase;
let owner: Pool;
let worker: Pool;
let write: Pool;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  worker = createPool({ url: database.urlFor('invalidation_worker'), applicationName: 'worker' });
  write = createPool({ url: database.urlFor('catalog_write'), applicationName: 'write' });
});
afterAll(async () => {
  await Promise.all([owner, worker, write].map((pool) => pool.end()));
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await owner.query('truncate catalog.product_history');
  await dropAll(day_s);
});

/** Inserts one row of that age. */
const insertOld = (days: number, version = 1) =>
  owner.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
     values (gen_random_uuid(), $2, 'create', 'test', clock_timestamp() - make_interval(days => $1))`,
    [days, version],
  );
async function partitionsOfRows(): Promise<string[]> {
  const { rows } = await owner.query<{ partition: string }>(
    'select tableoid::regclass::text as partition from catalog.product_history order by changed_at',
  );
  return rows.map(({ partition }) => partition.replace('catalog.product_history_', ''));
}
/** The name of the partition of a day. */
async function dayName(daysAgo: number): Promise<string> {
  const { rows } = await owner.query<{ name: string }>(
    "select to_char(clock_timestamp() - make_interval(days => $1), 'YYYYMMDD') as name",
    [daysAgo],
  );
  return rows[0]?.name ?? '';
}
async function makeAll(): Promise<number> {
  for (let made = 0; ;) {
    const more = await makeHistoryPartitions(worker, 30);
    if (more === 0) return made;
    made += more;
  }
}
async function dropAll(age_s: number): Promise<number> {
  for (let dropped = 0; ; dropped += 1) if (!(await dropExpiredHistory(worker, age_s))) return dropped;
}

test('changes go to the partition of their day, which is there before the day begins', async () => {
  const { id } = await insertRow(owner);
  await owner.query("update catalog.products set name = 'another' where id = $1", [id]);
  await insertOld(-29);
  expect(await partitionsOfRows()).toEqual([await dayName(0), await dayName(0), await dayName(-29)]);
  expect(await makeAll()).toBe(0);
});

test('without a partition of its day a change goes to the default partition, and later to one of its day', async () => {
  await insertOld(3);
  await insertOld(3);
  await insertOld(2);
  await insertOld(40);
  expect(await partitionsOfRows()).toEqual(['default', 'default', 'default', 'default']);
  expect(await makeAll()).toBe(3);
  const days = [await dayName(40), await dayName(3), await dayName(3), await dayName(2)];
  expect(await partitionsOfRows()).toEqual(days);
  await insertOld(2);
  expect(await partitionsOfRows()).toEqual([...days, days.at(-1)]);
  expect(await dropAll(day_s)).toBe(3);
});

test('a day that is not over stays in the default partition, so that its writers need not wait', async () => {
  const today = await dayName(0);
  await owner.query(`drop table catalog.product_history_${today}`);
  await insertRow(owner);
  expect(await makeAll()).toBe(0);
  expect(await partitionsOfRows()).toEqual(['default']);
  await owner.query('truncate catalog.product_history');
  expect(await makeAll()).toBe(1);
  await insertRow(owner);
  expect(await partitionsOfRows()).toEqual([today]);
});

test('days whose rows are all expired are dropped, the oldest first, and no younger one', async () => {
  for (const days of [0, 1, 2, 3, 4]) await insertOld(days);
  await makeAll();
  // The day before yesterday has a row that is younger than two days at any time of the day.
  expect(await dropAll(2 * day_s)).toBe(2);
  expect(await partitionsOfRows()).toEqual([await dayName(2), await dayName(1), await dayName(0)]);
});

test('not even the worker can drop the rows of the last day', async () => {
  for (const days of [0, 1]) await insertOld(days);
  await makeAll();
  expect(await dropAll(day_s)).toBe(0);
  await expect(dropAll(-400 * day_s)).rejects.toThrow('history must be kept for 1 day at least');
  expect(await partitionsOfRows()).toEqual([await dayName(1), await dayName(0)]);
});

test('other roles can neither make nor drop partitions, nor use one directly', async () => {
  await insertRow(owner);
  const today = await dayName(0);
  for (const [role, sql] of [
    [write, 'select catalog.make_history_partitions(1)'],
    [write, "select catalog.drop_expired_history('2 days')"],
    [worker, 'call catalog.add_history_partition(current_date)'],
    [write, `delete from catalog.product_history_${today}`],
    [write, `select from catalog.product_history_${today}`],
  ] as const) {
    await expect(role.query(sql)).rejects.toMatchObject({ code: '42501' });
  }
  await expect(owner.query(`update catalog.product_history_${today} set changed_by = 'x'`)).rejects.toThrow(
    /append-only/,
  );
});

test('while a dump reads the history, a drop gives up soon, and no writer waits for the end of the dump', async () => {
  await insertOld(5);
  await makeAll();
  const dump = await owner.connect();
  try {
    await dump.query('begin; lock table catalog.product_history in access share mode');
    const drop = dropExpiredHistory(worker, day_s);
    const writes = Promise.all([insertRow(write), insertRow(write), insertRow(write)]);
    await expect(drop).rejects.toMatchObject({ code: '55P03' });
    await writes;
    expect(await makeAll()).toBe(0);
  } finally {
    await dump.query('rollback');
    dump.release();
  }
  expect(await dropExpiredHistory(worker, day_s)).toBe(true);
});

test('while one session drops or makes partitions, another leaves it to it', async () => {
  await insertOld(5);
  const other = await owner.connect();
  try {
    await other.query('begin; select pg_advisory_xact_lock(7236004)');
    expect(await makeHistoryPartitions(worker, 30)).toBe(0);
    expect(await dropExpiredHistory(worker, day_s)).toBe(false);
  } finally {
    await other.query('rollback');
    other.release();
  }
  expect(await makeHistoryPartitions(worker, 30)).toBe(1);
  expect(await dropExpiredHistory(worker, day_s)).toBe(true);
});
