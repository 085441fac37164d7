import { createTestDatabase, eventually, type TestDatabase } from '@catalog/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from './pool.ts';
import { withTransaction } from './transaction.ts';

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, applicationName: 'a name', max: 1 });
  await pool.query('create table t (a int)');
});
afterAll(async () => {
  await pool.end();
  await database[Symbol.asyncDispose]();
});

test('answers are plain JSON: exact numbers, and times in ISO-8601 and UTC', async () => {
  const { rows } = await pool.query(
    `select 9007199254740991::bigint as exact, array[1, null, 3]::bigint[] as list, '{}'::bigint[] as none,
       '2026-02-03 04:05:06.789123+02'::timestamptz as moment`,
  );
  expect(rows).toEqual([
    { exact: Number.MAX_SAFE_INTEGER, list: [1, null, 3], none: [], moment: '2026-02-03T02:05:06.789Z' },
  ]);
});

test('a number that JavaScript does not hold exactly, and a time without an ISO-8601 form, are errors', async () => {
  await expect(pool.query('select 9007199254740992::bigint')).rejects.toThrow('beyond 2^53 - 1');
  await expect(pool.query("select 'infinity'::timestamptz")).rejects.toThrow('no ISO-8601 form');
  expect((await pool.query('select 1 as a')).rows).toEqual([{ a: 1 }]);
});

test('a transaction that throws leaves no changes, and its connection is used again', async () => {
  await expect(
    withTransaction(pool, async (client) => {
      await client.query('insert into t values (1)');
      await client.query('no sql');
    }),
  ).rejects.toMatchObject({ code: '42601' });
  expect((await pool.query('select a from t')).rows).toEqual([]);
});

test('a connection that breaks in a transaction leaves the pool', async () => {
  await expect(
    withTransaction(pool, async (client) => {
      await client.query('insert into t values (2)');
      await database.disconnectAll();
      await client.query('select 1');
    }),
  ).rejects.toThrow(/connection error|terminating connection/);
  expect((await pool.query('select a from t')).rows).toEqual([]);
});

test('statements and lock waits have a time limit', async () => {
  const hasty = createPool({
    url: database.url,
    applicationName: 'hasty',
    statementTimeout_ms: 100,
    lockTimeout_ms: 50,
  });
  try {
    await expect(hasty.query('select pg_sleep(5)')).rejects.toMatchObject({ code: '57014' });
    await withTransaction(pool, async (client) => {
      await client.query('lock table t');
      await expect(hasty.query('insert into t values (3)')).rejects.toMatchObject({ code: '55P03' });
    });
  } finally {
    await hasty.end();
  }
});

test('idle connections that break together leave one line, which counts them', async () => {
  const lines: object[] = [];
  const log = { error: (details: object) => void lines.push(details) };
  const idle = createPool({ url: database.url, applicationName: 'idle', max: 5, log });
  try {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => idle.connect()));
    for (const session of sessions) session.release();
    expect(idle.idleCount).toBe(5);
    await database.disconnectAll();
    await eventually(() => lines.length > 0);
    expect(lines).toMatchObject([{ connections: 5, err: { code: '57P01' } }]);
  } finally {
    await idle.end();
  }
});
