import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import type { Pool } from 'pg';
import { emptyDatabase } from '../testing/empty-database.ts';
import { insertRow } from '../testing/products.ts';
import { readMigrations, type Migration } from './files.ts';
import { migrate } from './migrate.ts';

const ours = readMigrations();

/** One row per table, inserted as soon as a migration has created the table. A new table adds its own. */
const seeds: Readonly<Record<string, (pool: Pool) => Promise<unknown>>> = {
  products: (pool) => insertRow(pool, { gtin: '4006381333931', attributes: { colour: 'red' } }),
  stock: (pool) => pool.query('insert into catalog.stock (product_id, on_hand) values (uuidv7(), 3)'),
  idempotency_keys: (pool) =>
    pool.query(
      "insert into catalog.idempotency_keys (operation, subject, key, request_hash, answer) values ('create_product', 'me', 'k', '', '{}')",
    ),
  imports: (pool) =>
    pool.query(
      "insert into catalog.imports (id, subject, mode, dry_run) values (uuidv7(), 'me', 'reject-all', false)",
    ),
  console_users: (pool) =>
    pool.query(
      "insert into catalog.console_users (username, password_hash, role) values ('me', '$argon2id$', 'admin')",
    ),
  console_actions: (pool) =>
    pool.query(
      "insert into catalog.console_actions (username, action, status) values ('me', 'cache.purge', 200)",
    ),
};

async function contents({ pool }: { pool: Pool }) {
  const { rows: tables } = await pool.query<{ name: string }>(
    "select tablename as name from pg_tables where schemaname = 'catalog' and tablename <> 'migrations' order by 1",
  );
  const found = new Map<string, object[]>();
  for (const { name } of tables) {
    const { rows } = await pool.query<{ row: object }>(
      `select to_jsonb(t) as row from catalog.${name} t order by 1`,
    );
    found.set(
      name,
      rows.map(({ row }) => row),
    );
  }
  return found;
}

test('an empty database gets every migration once', async () => {
  await using database = await emptyDatabase();
  expect(await migrate(database.url)).toEqual({
    current: ours.length,
    applied: ours.map(({ name }) => name),
  });
  expect(await migrate(database.url)).toEqual({ current: ours.length, applied: [] });
});

test('each migration is applied on the one before with data in it, and keeps the data', async () => {
  await using database = await emptyDatabase();
  const seeded = new Set<string>();
  for (const { id, name } of ours) {
    const before = await contents(database);
    await migrate(database.url, { migrations: ours.slice(0, id) });
    const after = await contents(database);
    for (const [table, rows] of before) {
      for (const [index, row] of rows.entries()) {
        expect(after.get(table)?.[index], `${table} after ${name}`).toMatchObject(row);
      }
    }
    for (const table of after.keys()) {
      if (seeded.has(table)) continue;
      seeded.add(table);
      await seeds[table]?.(database.pool);
    }
  }
  const last = await contents(database);
  expect(last.get('products')).toHaveLength(1);
});

test('twenty processes that migrate at once apply each migration once', async () => {
  await using database = await emptyDatabase();
  const main = join(import.meta.dirname, '../migrate-main.ts');
  const runs = await Promise.all(
    Array.from({ length: 20 }, () =>
      promisify(execFile)(process.execPath, [main], {
        env: { ...process.env, DATABASE_DIRECT_URL: database.url },
      }),
    ),
  );
  const applied = runs.flatMap(({ stdout }) => stdout.match(/"msg":"migrated"/g) ?? []);
  expect(applied).toHaveLength(ours.length);
  for (const { stdout } of runs) expect(stdout).toContain('the schema is current');
}, 60_000);

test('databases of one server are migrated at once, though they share their roles', async () => {
  await using one = await emptyDatabase();
  await using two = await emptyDatabase();
  await using three = await emptyDatabase();
  const results = await Promise.all([one, two, three].map(({ url }) => migrate(url)));
  for (const { applied } of results) expect(applied).toHaveLength(ours.length);
});

const migration = (id: number, sql: string, checksum = sql): Migration => ({
  id,
  name: `m${id}`,
  sql,
  checksum,
});
const good = migration(1, 'create table catalog.one (a int)');

test('a migration that fails leaves nothing, its error names the line, and it can be tried again', async () => {
  await using database = await emptyDatabase();
  const bad = migration(2, 'create table catalog.two (a int);\n\nselect * from catalog.nowhere');
  await expect(migrate(database.url, { migrations: [good, bad] })).rejects.toMatchObject({
    code: 'failed',
    message: expect.stringMatching(/^migration 2 \(m2\), line 3: .*nowhere/) as string,
  });
  expect([...(await contents(database)).keys()]).toEqual(['one']);
  const mended = migration(2, 'create table catalog.two (a int)');
  expect((await migrate(database.url, { migrations: [good, mended] })).applied).toEqual(['m2']);
});

test('a migration lets others pass while a session holds its lock, tries again, and names that session', async () => {
  await using database = await emptyDatabase();
  await migrate(database.url, { migrations: [good] });
  const holder = await database.pool.connect();
  await holder.query('begin');
  await holder.query('select 1 from catalog.one');
  const told: { attempt: number; pause_ms: number; blockers: unknown[] }[] = [];
  let release: Promise<unknown> | undefined;
  const info = (details: object, message: string) => {
    if (!message.includes('waits for a lock')) return;
    told.push(details as (typeof told)[number]);
    // Between two attempts others are served: the waiting ALTER TABLE is not in their way.
    if (told.length === 2) release = readOne().then(() => holder.query('commit'));
  };
  const readOne = () => database.pool.query('select from catalog.one');
  const later = migration(2, 'alter table catalog.one add column b int');
  const { applied } = await migrate(database.url, {
    migrations: [good, later],
    lockTimeout_ms: 100,
    log: { info },
  });
  await release;
  holder.release();
  expect(applied).toEqual(['m2']);
  // On a slow machine the commit may take longer than the second pause.
  expect(told.slice(0, 2).map(({ attempt, pause_ms }) => [attempt, pause_ms])).toEqual([
    [1, 500],
    [2, 1_000],
  ]);
  expect(told[0]?.blockers).toMatchObject([
    {
      application: 'test',
      user: 'postgres',
      state: 'idle in transaction',
      query: 'select 1 from catalog.one',
    },
  ]);
}, 60_000);

test('a migration that gets no lock in time fails, leaves nothing, and its error names the session and its query', async () => {
  await using database = await emptyDatabase();
  await migrate(database.url, { migrations: [good] });
  const holder = await database.pool.connect();
  await holder.query('begin; lock table catalog.one in access share mode');
  const later = migration(2, 'create table catalog.two (a int); alter table catalog.one add column b int');
  const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
  await expect(
    migrate(database.url, { migrations: [good, later], lockTimeout_ms: 50, giveUpAfter_ms: 400 }),
  ).rejects.toMatchObject({
    code: 'locked',
    message: expect.stringMatching(
      new RegExp(
        `^migration 2 \\(m2\\) got no lock within 0.4 s: session ${rows[0]?.pid} \\(test as postgres, idle in transaction.*its statement: select pg_backend_pid`,
      ),
    ) as string,
  });
  await holder.query('rollback');
  holder.release();
  expect([...(await contents(database)).keys()]).toEqual(['one']);
});

test('a database that newer code has migrated is refused', async () => {
  await using database = await emptyDatabase();
  await migrate(database.url, { migrations: [good, migration(2, 'select 1')] });
  await expect(migrate(database.url, { migrations: [good] })).rejects.toMatchObject({
    code: 'database_newer',
  });
});

test('a migration that was edited after it was applied is refused', async () => {
  await using database = await emptyDatabase();
  await migrate(database.url, { migrations: [good] });
  await expect(
    migrate(database.url, { migrations: [{ ...good, checksum: 'edited' }] }),
  ).rejects.toMatchObject({
    code: 'different_history',
    message: expect.stringMatching(/migration 1 \(m1\) with another text.*npm run reset/) as string,
  });
});

test('a database of an old history is refused, stays as it is, and the error names npm run reset', async () => {
  await using database = await emptyDatabase();
  const old = [good, { ...migration(2, 'create table catalog.old (a int)'), name: 'change_feed' }];
  await migrate(database.url, { migrations: old });
  await expect(
    migrate(database.url, { migrations: [good, migration(2, 'select 2'), migration(3, 'select 3')] }),
  ).rejects.toMatchObject({
    code: 'different_history',
    message: expect.stringMatching(
      /migration 2 \(change_feed\) where this code has m2.*npm run reset/,
    ) as string,
  });
  expect([...(await contents(database)).keys()]).toEqual(['old', 'one']);
});

test('a foreign function in the schema "public" is not called with the rights of the owner', async () => {
  await using database = await emptyDatabase();
  await database.pool.query(
    "create function public.lower(text) returns text language sql as $$ select 'hijacked' $$",
  );
  const sql = "create table catalog.one (a text default lower('A')); insert into catalog.one default values";
  await migrate(database.url, { migrations: [migration(1, sql)] });
  expect((await contents(database)).get('one')).toEqual([{ a: 'a' }]);
});

test('files must be numbered 1, 2, 3, …, and line ends do not change a checksum', () => {
  const folder = mkdtempSync(join(tmpdir(), 'migrations-'));
  try {
    const url = pathToFileURL(`${folder}/`);
    writeFileSync(join(folder, '0001_one.sql'), 'select 1;\r\n');
    const [windows] = readMigrations(url);
    writeFileSync(join(folder, '0001_one.sql'), 'select 1;\n');
    expect(readMigrations(url)).toEqual([windows]);
    writeFileSync(join(folder, '0003_three.sql'), 'select 3;');
    expect(() => readMigrations(url)).toThrow('0003_three.sql: expected NNNN_name.sql with the number 2');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
