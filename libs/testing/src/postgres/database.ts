import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase extends AsyncDisposable {
  /** Signs in as the superuser. */
  readonly url: string;
  readonly name: string;
  /** Signs in as the role of a service. Needs `migrated: true`. */
  urlFor(role: string): string;
  /** Runs one statement as the superuser. */
  query(sql: string): Promise<void>;
  /** Ends every session of this database, as an operator or a failover would. */
  disconnectAll(): Promise<void>;
}

const serviceRoles = ['catalog_read', 'catalog_write', 'invalidation_worker', 'console', 'orders'] as const;
const rolePassword = 'test';
const template = 'catalog_test_template';
/** Started as a process and not imported, so that this package depends on no other lib. */
const migrateMain = resolve(import.meta.dirname, '../../../database/src/migrate-main.ts');
/** A Postgres advisory lock on the database `postgres`: one test file at a time makes or copies the template. */
const templateLock = 7_236_900;

async function asSuperuser<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that stops during a test breaks this connection too. The running query reports it.
  client.on('error', () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.href;
}

async function makeTemplate(client: pg.Client, serverUrl: string): Promise<void> {
  const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [template]);
  if (found.rowCount === 1) return;
  const building = `${template}_building`;
  await client.query(`DROP DATABASE IF EXISTS ${building} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${building}`);
  await migrate(withDatabase(serverUrl, building));
  // Rename it last. A migration that fails then leaves no incomplete template for the next test file.
  await client.query(`ALTER DATABASE ${building} RENAME TO ${template}`);
}

/** Migrates the database and lets every service role sign in. */
async function migrate(url: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'catalog-test-logins-'));
  try {
    const loginsFile = join(folder, 'logins.json');
    await writeFile(
      loginsFile,
      JSON.stringify(Object.fromEntries(serviceRoles.map((role) => [role, rolePassword]))),
    );
    await promisify(execFile)(process.execPath, [migrateMain], {
      // With the right to read a change slot.
      env: { ...process.env, DATABASE_DIRECT_URL: url, LOGINS_FILE: loginsFile, CHANGE_SOURCE: 'slot' },
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/**
 * Creates a database and drops it when disposed. With `migrated` it is a copy of a template, which is migrated once
 * per run. `serverUrl` names a server other than that of `@catalog/testing/postgres-setup`.
 */
export async function createTestDatabase(
  options: { migrated?: boolean; serverUrl?: string } = {},
): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? inject('postgresUrl');
  if (serverUrl === undefined)
    throw new Error('There is no Postgres. Use testConfig({ postgres: true }) in vitest.config.ts.');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asSuperuser(serverUrl, async (client) => {
    if (options.migrated !== true) {
      await client.query(`CREATE DATABASE ${name}`);
      return;
    }
    await client.query('SELECT pg_advisory_lock($1)', [templateLock]);
    await makeTemplate(client, serverUrl);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
    // Postgres copies the rights on everything inside a database, and not those on the database itself.
    await client.query(
      'UPDATE pg_database SET datacl = (SELECT datacl FROM pg_database WHERE datname = $1) WHERE datname = $2',
      [template, name],
    );
  });
  const url = withDatabase(serverUrl, name);
  return {
    url,
    name,
    urlFor(role) {
      const changed = new URL(url);
      changed.username = role;
      changed.password = rolePassword;
      return changed.href;
    },
    async query(sql) {
      await asSuperuser(url, (client) => client.query(sql));
    },
    async disconnectAll() {
      await asSuperuser(serverUrl, (client) =>
        client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name]),
      );
    },
    async [Symbol.asyncDispose]() {
      await asSuperuser(serverUrl, (client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}
