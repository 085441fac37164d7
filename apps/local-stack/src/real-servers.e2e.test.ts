/** The stack on real servers, and on data that it cannot read. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPool, migrate, provisionLogins } from '@catalog/database';
import {
  createTestDatabase,
  eventually,
  stackPlace,
  startLocalStack,
  startPgBouncer,
  startPostgres,
  type PostgresServer,
  startRedis,
} from '@catalog/testing';
import { expect, test } from 'vitest';

const pgBouncer = ({ port }: PostgresServer) =>
  startPgBouncer({
    to: port,
    logins: { postgres: 'postgres' },
    poolSize: 20,
    config: { ignore_startup_parameters: 'options' },
  });

test('with real servers and a pooler it starts none of its own, and reads show an edit in the real database', async () => {
  await using postgres = await startPostgres();
  await using pooler = await pgBouncer(postgres);
  await using cacheRedis = await startRedis({ config: { 'maxmemory-policy': 'allkeys-lfu' } });
  await using stateRedis = await startRedis({ config: { 'maxmemory-policy': 'noeviction' } });
  const admin = createPool({ url: postgres.url, applicationName: 'test' });
  await admin.query('create database catalog');
  await admin.end();
  const databaseUrl = postgres.url.replace(/\/postgres$/, '/catalog');
  // Every session of the pooler has the settings of its role.
  await provisionLogins(databaseUrl, { postgres: 'postgres' });
  await using place = await stackPlace();
  await using stack = await startLocalStack(place, {
    env: {
      DATABASE_URL: databaseUrl.replace(`:${postgres.port}/`, `:${pooler.port}/`),
      DATABASE_DIRECT_URL: databaseUrl,
      CACHE_REDIS_URL: cacheRedis.url,
      STATE_REDIS_URL: stateRedis.url,
    },
  });
  expect(Object.keys(await stack.pids()).toSorted()).toEqual([
    'catalog-read',
    'catalog-write',
    'console',
    'invalidation-worker',
    'orders',
  ]);
  const sql = createPool({ url: databaseUrl, applicationName: 'psql' });
  try {
    const { rows } = await sql.query<{ id: string }>('select id from catalog.products order by id limit 1');
    const priceOf = async () => {
      const response = await fetch(`${stack.url('catalog-read')}/v1/products/${rows[0]?.id}`);
      return ((await response.json()) as { priceMinor: number }).priceMinor;
    };
    const before = await priceOf();
    await sql.query('update catalog.products set price_minor = price_minor + 1 where id = $1', [rows[0]?.id]);
    await eventually(async () => (await priceOf()) === before + 1);
  } finally {
    await sql.end();
  }
  stack.signal('SIGTERM');
  expect(await stack.exited).toBe(0);
}, 120_000);

test('a pooler where Postgres itself is needed is refused by its name', async () => {
  await using postgres = await startPostgres();
  await using pooler = await pgBouncer(postgres);
  await using place = await stackPlace();
  await using stack = await startLocalStack(place, {
    env: { DATABASE_URL: pooler.url },
    awaitReady: false,
  });
  expect(await stack.exited).not.toBe(0);
  expect(stack.said.join('\n')).toContain('DATABASE_DIRECT_URL must lead to Postgres itself');
}, 60_000);

test('data of another Postgres version is refused with a remedy', async () => {
  await using place = await stackPlace();
  const data = join(place.root, String(place.base), 'postgres');
  await mkdir(data, { recursive: true });
  await writeFile(join(data, 'PG_VERSION'), '15\n');
  await using stack = await startLocalStack(place, { awaitReady: false });
  expect(await stack.exited).not.toBe(0);
  const said = stack.said.join('\n');
  expect(said).toMatch(/was written by Postgres 15; this is Postgres 18/);
  expect(said).toContain('npm run reset');
}, 60_000);

test('data of another schema is refused with a remedy', async () => {
  await using postgres = await startPostgres();
  await using database = await createTestDatabase({ serverUrl: postgres.url });
  await migrate(database.url);
  const sql = createPool({ url: database.url, applicationName: 'test' });
  await sql.query("update catalog.migrations set name = 'of_an_earlier_commit' where id = 2");
  await sql.end();
  await using place = await stackPlace();
  await using stack = await startLocalStack(place, {
    env: { DATABASE_URL: database.url },
    awaitReady: false,
  });
  expect(await stack.exited).not.toBe(0);
  const said = stack.said.join('\n');
  expect(said).toMatch(/migration 2 \(of_an_earlier_commit\) where this code has shown_values/);
  expect(said).toContain('Check out the commit that wrote the data');
  expect(said).toContain('npm run reset && npm start');
}, 60_000);
