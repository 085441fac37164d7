import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from './pool.ts';
import { readAgainIfCut } from './read-again.ts';

let database: TestDatabase;
let pool: Pool;
let owner: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'reader', max: 2, statementTimeout_ms: 300 });
  owner = createPool({ url: database.url, applicationName: 'owner' });
  await owner.query('create table t (a int); insert into t values (1)');
});
afterAll(async () => {
  await Promise.all([pool.end(), owner.end()]);
  await database[Symbol.asyncDispose]();
});

/** Cuts every connection of the readers' pool while `read` waits for a lock, so many times. */
async function cutWhileWaiting<T>(read: () => Promise<T>, times: number): Promise<PromiseSettledResult<T>> {
  const holder = await owner.connect();
  try {
    await holder.query('begin; lock table t in access exclusive mode');
    const result = Promise.allSettled([read()]);
    for (let cuts = 0; cuts < times;) {
      const { rowCount } = await owner.query(
        `select pg_terminate_backend(pid, 1000) from pg_stat_activity
         where application_name = 'reader' and wait_event_type = 'Lock'`,
      );
      cuts += rowCount ?? 0;
    }
    await holder.query('commit');
    return (await result)[0];
  } finally {
    holder.release();
  }
}

const read = async () => (await pool.query<{ a: number }>('select a from t')).rows;

test('a read whose connection is cut is done again on another one', async () => {
  expect(await cutWhileWaiting(read, 1)).toMatchObject({ status: 'rejected' });
  const again = () => readAgainIfCut(read);
  expect(await cutWhileWaiting(again, 2)).toEqual({ status: 'fulfilled', value: [{ a: 1 }] });
});

test('connections that were cut while nobody used them fail no read', async () => {
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([readAgainIfCut(read), readAgainIfCut(read)]);
    await owner.query(
      `select pg_terminate_backend(pid, 1000) from pg_stat_activity where application_name = 'reader'`,
    );
    expect(await readAgainIfCut(read)).toEqual([{ a: 1 }]);
  }
});

test('what failed for another reason is not done again', async () => {
  let reads = 0;
  const failing = (sql: string) =>
    readAgainIfCut(() => {
      reads += 1;
      return pool.query(sql);
    });
  await expect(failing('no sql')).rejects.toMatchObject({ code: '42601' });
  await expect(failing('select pg_sleep(10)')).rejects.toMatchObject({ code: '57014' });
  expect(reads).toBe(2);
});
