import { createTestDatabase, type TestDatabase } from '@catalog/testing';
import type { Pool } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from './pool.ts';
import { prepared, retryRead } from './retry-read.ts';

let database: TestDatabase;
let pool: Pool;
let owner: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'reader', max: 2 });
  owner = createPool({ url: database.url, applicationName: 'owner' });
  await owner.query('create table t (a int); insert into t values (1)');
});
afterAll(async () => {
  await Promise.all([pool.end(), owner.end()]);
  await database[Symbol.asyncDispose]();
});

/** Cuts connections of the readers' pool while `read` waits for a lock, `times` times. */
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

test('a read whose connection is cut is sent again on another one', async () => {
  expect(await cutWhileWaiting(read, 1)).toMatchObject({ status: 'rejected' });
  const again = () => retryRead(read);
  expect(await cutWhileWaiting(again, 2)).toEqual({ status: 'fulfilled', value: [{ a: 1 }] });
});

test('connections that were cut while idle fail no read', async () => {
  for (let round = 0; round < 20; round += 1) {
    await Promise.all([retryRead(read), retryRead(read)]);
    await owner.query(
      `select pg_terminate_backend(pid, 1000) from pg_stat_activity where application_name = 'reader'`,
    );
    expect(await retryRead(read)).toEqual([{ a: 1 }]);
  }
});

test('a read that failed for another reason is not sent again', async () => {
  const hasty = createPool({ url: database.url, applicationName: 'hasty', statementTimeout_ms: 300 });
  let reads = 0;
  const failing = (sql: string) =>
    retryRead(() => {
      reads += 1;
      return hasty.query(sql);
    });
  await expect(failing('no sql')).rejects.toMatchObject({ code: '42601' });
  await expect(failing('select pg_sleep(10)')).rejects.toMatchObject({ code: '57014' });
  expect(reads).toBe(2);
  await hasty.end();
});

test('a read with a stale plan in every connection is sent again once, and no caller hears of it', async () => {
  await owner.query('create table changing (a int); insert into changing values (1)');
  const warm = createPool({ url: database.url, applicationName: 'warm', max: 8 });
  try {
    let reads = 0;
    const readAll = () =>
      Promise.all(
        Array.from({ length: 8 }, () =>
          retryRead(async () => {
            reads += 1;
            const { rows } = await warm.query<{ a: unknown }>(
              prepared('changing', 'select a, pg_sleep(0.02)::text from changing'),
            );
            return rows[0]?.a;
          }),
        ),
      );
    expect(await readAll()).toEqual(Array.from({ length: 8 }, () => 1));
    expect([warm.totalCount, reads]).toEqual([8, 8]);
    await owner.query('alter table changing alter column a type text');
    reads = 0;
    expect(await readAll()).toEqual(Array.from({ length: 8 }, () => '1'));
    expect(reads).toBe(16);
    // Another 0A000: no plan is stale.
    reads = 0;
    const unsupported = retryRead(() => {
      reads += 1;
      return warm.query('select distinct a from changing for update');
    });
    await expect(unsupported).rejects.toMatchObject({ code: '0A000' });
    expect(reads).toBe(1);
  } finally {
    await warm.end();
  }
});
