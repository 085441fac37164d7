import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { createPool } from './pool.ts';
import { withConnection, withTransaction } from './transaction.ts';

const gaveUp = { code: 'unavailable', retryAfterSeconds: 1 };
const inMs = (ms: number) => ({ until_ms: performance.now() + ms });

let database: TestDatabase;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'test', max: 1, lockTimeout_ms: 300 });
  // A notice tells the test that a commit has begun.
  await pool.query(`
    create table told (id int primary key);
    create function tell() returns trigger language plpgsql as $$
      begin raise notice 'committing'; return null; end $$;
    create constraint trigger tell after insert on told deferrable initially deferred
      for each row execute function tell();`);
});
// Time passes only where a test advances it.
beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

const ids = async () => (await pool.query<{ id: number }>('select id from told order by id')).rows;
const lockTimeout = (of: Pool, ms: number) =>
  withTransaction(
    of,
    async (client) =>
      (await client.query<{ lock_timeout: string }>('show lock_timeout')).rows[0]?.lock_timeout,
    inMs(ms),
  );

test('work that is ready in time is committed and answered, however long the commit takes', async () => {
  const options = inMs(60_000);
  const late = vi.fn(() => vi.advanceTimersByTime(120_000));
  const insert = withTransaction(
    pool,
    (client) => {
      client.once('notice', late);
      return client.query('insert into told values (1)');
    },
    options,
  );
  await expect(insert).resolves.toMatchObject({ rowCount: 1 });
  expect(late).toHaveBeenCalledOnce();
  expect(performance.now()).toBeGreaterThan(options.until_ms);
  expect(await ids()).toEqual([{ id: 1 }]);
});

test('work that is not ready in time is rolled back', async () => {
  const insert = withTransaction(
    pool,
    async (client) => {
      await client.query('insert into told values (2)');
      vi.advanceTimersByTime(120_000);
    },
    inMs(60_000),
  );
  await expect(insert).rejects.toMatchObject(gaveUp);
  expect(await ids()).toEqual([{ id: 1 }]);
});

test('a caller that gets no connection in time does not begin, and a late connection stays in the pool', async () => {
  const work = vi.fn(async () => undefined);
  const held = await pool.connect();
  await expect(withTransaction(pool, work, inMs(20))).rejects.toMatchObject(gaveUp);
  await expect(withConnection(pool, work, inMs(20))).rejects.toMatchObject(gaveUp);
  held.release();
  expect(await ids()).toEqual([{ id: 1 }]);
  expect(work).not.toHaveBeenCalled();
  expect(pool.totalCount).toBe(1);
});

test('a lock wait ends with the time of the caller, and with the limit of the pool', async () => {
  expect(await lockTimeout(pool, 60_000)).toBe('300ms');
  expect(await lockTimeout(pool, 200)).toBe('200ms');
  const unlimited = createPool({ url: database.url, applicationName: 'test', lockTimeout_ms: 0 });
  expect(await lockTimeout(unlimited, 60_000)).toBe('1min');
  await unlimited.end();
  // For that transaction only.
  expect((await pool.query('show lock_timeout')).rows).toEqual([{ lock_timeout: '300ms' }]);
});
