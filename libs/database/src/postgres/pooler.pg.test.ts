/** A real PgBouncer in transaction mode between a service and Postgres. */
import { PRODUCT } from '@catalog/contracts';
import {
  createTestDatabase,
  startPgBouncer,
  startPostgres,
  type PostgresServer,
  type TestDatabase,
} from '@catalog/testing';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { entityLoaders } from '../entities/loaders.ts';
import { migrate } from '../migrations/migrate.ts';
import { provisionLogins } from '../migrations/provision.ts';
import { PooledSession, refusePooler, requireDirect } from './direct.ts';
import { createPool } from './pool.ts';
import { prepared, retryRead } from './retry-read.ts';
import { createServicePool } from './service-pool.ts';
import { insertRow } from '../testing/products.ts';
import { withTransaction } from './transaction.ts';

const logins = { catalog_write: 'first password', catalog_read: 'second password' };
const poolerSettings = { ignore_startup_parameters: 'options' };
let server: PostgresServer;
let database: TestDatabase;
beforeAll(async () => {
  server = await startPostgres({ config: { datestyle: 'SQL, DMY', timezone: 'Asia/Kolkata' } });
  database = await createTestDatabase({ serverUrl: server.url });
  await migrate(database.url);
  await provisionLogins(database.url, logins);
}, 60_000);
afterAll(async () => {
  await database[Symbol.asyncDispose]();
  await server.stop();
});

/** The test's database through the pooler, as this role. */
function through(url: string, role: keyof typeof logins): string {
  const changed = new URL(url);
  changed.username = role;
  changed.password = logins[role];
  changed.pathname = new URL(database.url).pathname;
  return changed.href;
}

test('a pool of a service works through a pooler, with its settings, and with more clients than sessions', async () => {
  await using pooler = await startPgBouncer({ to: server.port, logins, config: poolerSettings, poolSize: 3 });
  const pool = createServicePool({
    url: through(pooler.url, 'catalog_write'),
    applicationName: 'test',
    max: 20,
  });
  try {
    const { rows } = await pool.query(
      `select '2026-02-03 04:05:06+00'::timestamptz as moment, current_setting('statement_timeout') as statement,
         current_setting('lock_timeout') as lock, current_setting('idle_in_transaction_session_timeout') as idle`,
    );
    expect(rows).toEqual([{ moment: '2026-02-03T04:05:06.000Z', statement: '5s', lock: '2s', idle: '30s' }]);
    const backends = await Promise.all(
      Array.from({ length: 60 }, () =>
        withTransaction(pool, async (client) => {
          const [first] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
          await client.query('select pg_sleep(0.005)');
          const [second] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
          expect(second).toEqual(first);
          return first?.pid;
        }),
      ),
    );
    expect(new Set(backends).size).toBeLessThanOrEqual(3);
    expect(await pool.currentIncarnation()).toMatch(/^[0-9a-f-]{36}$/);
  } finally {
    await pool.end();
  }
});

test('reads prepare no statement by name once a pooler has lost one', async () => {
  await using pooler = await startPgBouncer({ to: server.port, logins, config: poolerSettings, poolSize: 2 });
  const url = through(pooler.url, 'catalog_read');
  const pool = createServicePool({ url, applicationName: 'test', max: 10 });
  const owner = createPool({ url: database.url, applicationName: 'test' });
  try {
    const { id } = await insertRow(owner);
    const load = entityLoaders(pool)[PRODUCT.name];
    const read = () => retryRead(() => pool.query(prepared('read', 'select pg_sleep(0.002)')));
    await Promise.all(Array.from({ length: 100 }, read));
    expect(prepared('read', 'select 1')).toEqual({ text: 'select 1', values: [] });
    const products = await Promise.all(Array.from({ length: 50 }, () => load([id])));
    expect(products.every((found) => found.get(id)?.body !== null)).toBe(true);
  } finally {
    await Promise.all([pool.end(), owner.end()]);
  }
});

test('a role without the settings is refused through a pooler, and the error says which and what to do', async () => {
  await using bare = await createTestDatabase({ serverUrl: server.url });
  await migrate(bare.url);
  await using pooler = await startPgBouncer({ to: server.port, logins, config: poolerSettings });
  const url = new URL(through(pooler.url, 'catalog_read'));
  url.pathname = new URL(bare.url).pathname;
  const pool = createServicePool({ url: url.href, applicationName: 'test' });
  try {
    await expect(pool.query('select 1')).rejects.toThrow(
      /datestyle = "SQL, DMY" instead of "ISO, MDY": a pooler .*LOGINS_FILE/,
    );
  } finally {
    await pool.end();
  }
});

test('a pooler is told from Postgres itself', async () => {
  await using pooler = await startPgBouncer({ to: server.port, logins, config: poolerSettings });
  const url = through(pooler.url, 'catalog_write');
  await expect(refusePooler(url, 'test')).rejects.toThrow(/DATABASE_DIRECT_URL must lead to Postgres itself/);
  await expect(refusePooler(database.url, 'test')).resolves.toBeUndefined();
  await expect(refusePooler('postgres://nobody@127.0.0.1:1/none', 'test')).resolves.toBeUndefined();
  const direct = createServicePool({ url, applicationName: 'test', isDirect: true });
  await expect(direct.query('select 1')).rejects.toBeInstanceOf(PooledSession);
  await direct.end();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  await expect(requireDirect(client)).resolves.toBeUndefined();
  await client.end();
  await expect(migrate(url)).rejects.toBeInstanceOf(PooledSession);
});
