import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';

export interface TestDatabase extends AsyncDisposable {
  /** As the superuser. */
  readonly url: string;
  readonly name: string;
  /** As a service's own role, with only its rights. Needs `migrated: true`. */
  urlFor(role: string): string;
  /** Ends every session in it but ours, as an operator or a failover would. */
  disconnectAll(): Promise<void>;
}

const serviceRoles = ['catalog_read', 'catalog_write', 'invalidation_worker', 'console', 'orders'] as const;
const rolePassword = 'test';
const template = 'catalog_test_template';
/** One bigint, on the database `postgres`: only one test file at a time makes or copies the template. */
const templateLock = 7_236_900;

async function asSuperuser<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  // A server that stops mid-test breaks this connection too; the query in flight reports it.
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
  // Imported here, so that tests which need no migrated database do not load it.
  const { migrate, provisionLogins } = await import('@catalog/database');
  const building = `${template}_building`;
  await client.query(`DROP DATABASE IF EXISTS ${building} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${building}`);
  const url = withDatabase(serverUrl, building);
  await migrate(url);
  await provisionLogins(url, Object.fromEntries(serviceRoles.map((role) => [role, rolePassword])));
  // Renamed last: a migration that fails leaves no half template behind for the next file.
  await client.query(`ALTER DATABASE ${building} RENAME TO ${template}`);
}

/**
 * A fresh database, dropped when disposed. `migrated` copies a template that is migrated once per run.
 * `serverUrl` names another server than the one of `@catalog/testing/postgres-setup`.
 */
export async function createTestDatabase(
  options: { migrated?: boolean; serverUrl?: string } = {},
): Promise<TestDatabase> {
  const serverUrl = options.serverUrl ?? inject('postgresUrl');
  if (serverUrl === undefined)
    throw new Error('no Postgres: add globalSetup "@catalog/testing/postgres-setup" to vitest.config.ts');
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await asSuperuser(serverUrl, async (client) => {
    if (options.migrated !== true) {
      await client.query(`CREATE DATABASE ${name}`);
      return;
    }
    await client.query('SELECT pg_advisory_lock($1)', [templateLock]);
    await makeTemplate(client, serverUrl);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
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
