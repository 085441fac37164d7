/** Migrations that run outside a transaction. */
import { eventually } from '@catalog/testing';
import { expect, test } from 'vitest';
import type { Pool } from 'pg';
import { emptyDatabase } from '../testing/empty-database.ts';
import type { Migration } from './files.ts';
import { migrate } from './migrate.ts';

const migration = (id: number, sql: string): Migration => ({ id, name: `m${id}`, sql, checksum: sql });
const table = migration(1, 'create table catalog.one (a int); insert into catalog.one values (1), (1)');
const index = (definition: string): Migration =>
  migration(
    2,
    `-- outside a transaction\n-- Why.\ncreate ${definition} concurrently if not exists one_a on catalog.one (a);\n`,
  );
const plain = index('index');

async function isValid(pool: Pool): Promise<boolean | undefined> {
  const { rows } = await pool.query<{ valid: boolean }>(
    "select indisvalid as valid from pg_index where indexrelid = to_regclass('catalog.one_a')",
  );
  return rows[0]?.valid;
}

const snapshot = 'begin isolation level repeatable read; select from catalog.one';
const write = 'begin; insert into catalog.one values (3)';

/** An open transaction. A build first waits for transactions that have written to the table, and at its end for older snapshots. */
async function openTransaction(pool: Pool, statements: string) {
  const holder = await pool.connect();
  await holder.query(statements);
  return {
    async [Symbol.asyncDispose]() {
      await holder.query('commit');
      holder.release();
    },
  };
}

const isWaiting = async (pool: Pool): Promise<boolean> => {
  const { rows } = await pool.query(
    "select from pg_locks where locktype = 'virtualxid' and not granted and pid in (select pid from pg_stat_activity where datname = current_database())",
  );
  return rows.length > 0;
};

test('an index is built without a transaction, and recorded', async () => {
  await using database = await emptyDatabase();
  expect((await migrate(database.url, { migrations: [table, plain] })).applied).toEqual(['m1', 'm2']);
  expect(await isValid(database.pool)).toBe(true);
  expect((await migrate(database.url, { migrations: [table, plain] })).applied).toEqual([]);
});

test('a build that failed leaves an invalid index; the next run drops it and builds it again', async () => {
  await using database = await emptyDatabase();
  const migrations = [table, index('unique index')];
  await expect(migrate(database.url, { migrations })).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/^migration 2 \(m2\).*one_a/) as string,
  });
  expect(await isValid(database.pool)).toBe(false);
  await database.pool.query('delete from catalog.one where ctid = (select min(ctid) from catalog.one)');
  expect((await migrate(database.url, { migrations })).applied).toEqual(['m2']);
  expect(await isValid(database.pool)).toBe(true);
});

test('an index that was built but not recorded before a crash is kept', async () => {
  await using database = await emptyDatabase();
  await migrate(database.url, { migrations: [table] });
  await database.pool.query('create index one_a on catalog.one (a)');
  const before = await database.pool.query("select 'catalog.one_a'::regclass::oid as oid");
  expect((await migrate(database.url, { migrations: [table, plain] })).applied).toEqual(['m2']);
  const after = await database.pool.query("select 'catalog.one_a'::regclass::oid as oid");
  expect(after.rows).toEqual(before.rows);
});

test('a build waits for an older transaction without blocking reads and writes, and longer than for a lock', async () => {
  await using database = await emptyDatabase();
  const { pool, url } = database;
  await migrate(url, { migrations: [table] });
  const told: string[] = [];
  const log = { info: (_details: object, message: string) => void told.push(message) };
  let migrating: Promise<unknown>;
  {
    await using _snapshot = await openTransaction(pool, snapshot);
    migrating = migrate(url, { migrations: [table, plain], lockTimeout_ms: 20, log });
    await eventually(() => isWaiting(pool));
    // Many times the lock timeout.
    for (let n = 0; n < 30; n++) {
      await pool.query('insert into catalog.one values ($1)', [n]);
      await pool.query('select pg_sleep(0.01)');
    }
    expect(await isWaiting(pool)).toBe(true);
  }
  await migrating;
  expect(told).toEqual(['migrated']);
  expect(await isValid(pool)).toBe(true);
});

test('processes that wait to migrate do not delay the build that they wait for', async () => {
  await using database = await emptyDatabase();
  const { pool, url } = database;
  await migrate(url, { migrations: [table] });
  const migrations = [table, plain];
  let all: Promise<{ applied: readonly string[] }[]>;
  {
    // The others come before the build looks for older snapshots.
    await using _writer = await openTransaction(pool, write);
    const first = migrate(url, { migrations });
    await eventually(() => isWaiting(pool));
    all = Promise.all([first, migrate(url, { migrations }), migrate(url, { migrations })]);
    // Each of the others has a session.
    await eventually(async () => {
      const { rows } = await pool.query(
        "select from pg_stat_activity where application_name = 'catalog-migrate' and datname = current_database()",
      );
      return rows.length === 3;
    });
  }
  const applied = (await all).map((result) => result.applied);
  expect(applied).toEqual([['m2'], [], []]);
  expect(await isValid(pool)).toBe(true);
});

test('a build that waits for too long fails, and its error names the session', async () => {
  await using database = await emptyDatabase();
  const { pool, url } = database;
  await migrate(url, { migrations: [table] });
  await using _snapshot = await openTransaction(pool, snapshot);
  await expect(
    migrate(url, { migrations: [table, plain], lockTimeout_ms: 20, giveUpAfter_ms: 300 }),
  ).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringMatching(
      /^migration 2 \(m2\) got no lock within 0.3 s: session \d+ \(test as/,
    ) as string,
  });
});

test('a change in batches keeps the batches before a failure, and goes on from there', async () => {
  await using database = await emptyDatabase();
  const { pool, url } = database;
  const rows = migration(
    1,
    'create table catalog.one (a int primary key, b int); insert into catalog.one select n from generate_series(1, 10) n',
  );
  const batches = migration(
    2,
    `-- outside a transaction
do $$ begin
  loop
    update catalog.one set b = 10 / (7 - a) where a = any (array (select a from catalog.one where b is null order by a limit 2));
    exit when not found;
    commit;
  end loop;
end $$`,
  );
  await expect(migrate(url, { migrations: [rows, batches] })).rejects.toMatchObject({ code: 'failed' });
  const filled = async () => (await pool.query('select from catalog.one where b is not null')).rowCount;
  expect(await filled()).toBe(6);
  await pool.query('update catalog.one set b = 0 where a = 7');
  expect((await migrate(url, { migrations: [rows, batches] })).applied).toEqual(['m2']);
  expect(await filled()).toBe(10);
});
