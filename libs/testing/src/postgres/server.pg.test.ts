import { spawn } from 'node:child_process';
import { once } from 'node:events';
import pg from 'pg';
import { expect, test } from 'vitest';
import { createTestDatabase } from './database.ts';

async function one(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ answer: unknown }>(sql);
    return rows[0]?.answer;
  } finally {
    await client.end();
  }
}

test('every test database is new, empty, and dropped when disposed', async () => {
  const first = await createTestDatabase();
  await using second = await createTestDatabase();
  await one(first.url, 'CREATE TABLE only_in_first AS SELECT 1 AS answer');
  expect(await one(second.url, "SELECT to_regclass('only_in_first')::text AS answer")).toBeNull();
  await first[Symbol.asyncDispose]();
  expect(
    await one(second.url, `SELECT count(*)::int AS answer FROM pg_database WHERE datname = '${first.name}'`),
  ).toBe(0);
});

test('it is Postgres 18 in UTF-8', async () => {
  await using database = await createTestDatabase();
  expect(await one(database.url, "SELECT current_setting('server_version_num')::int / 10000 AS answer")).toBe(
    18,
  );
  expect(await one(database.url, "SELECT current_setting('server_encoding') AS answer")).toBe('UTF8');
});

test('disconnectAll ends the sessions of this database only', async () => {
  await using mine = await createTestDatabase();
  await using other = await createTestDatabase();
  const ended = new pg.Client({ connectionString: mine.url });
  const spared = new pg.Client({ connectionString: other.url });
  await Promise.all([ended.connect(), spared.connect()]);
  // pg reports the FATAL message and the broken connection.
  const closed = new Promise((resolve) => ended.on('error', resolve));
  await mine.disconnectAll();
  await closed;
  expect((await spared.query<{ answer: number }>('SELECT 1 AS answer')).rows[0]?.answer).toBe(1);
  await spared.end();
});

test.each([0, 7])('a process that used a Postgres ends with its own exit code %s', async (code) => {
  const server = new URL('./server.ts', import.meta.url).href;
  const script = `const { startPostgres } = await import('${server}');
      await (await startPostgres()).stop();
      process.exitCode = ${code};`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: 'ignore' });
  expect(await once(child, 'exit')).toEqual([code, null]);
});
