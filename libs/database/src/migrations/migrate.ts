import { Client, DatabaseError } from 'pg';
import { loadSql } from '../postgres/sql.ts';
import { MigrationError } from './error.ts';
import { readMigrations, type Migration } from './files.ts';
import { retryOnCatalogRace } from './catalog-race.ts';

export interface MigrateOptions {
  readonly log?: { info(details: object, message: string): void };
  /** Those of this package unless a test says otherwise. */
  readonly migrations?: readonly Migration[];
}

export interface MigrateResult {
  /** The id of the last migration that the database has now. */
  readonly current: number;
  /** Names of those applied by this call; empty when others were faster or there was nothing to do. */
  readonly applied: readonly string[];
}

/** One bigint, within the database that is migrated. */
const migrationLock = 7_236_000;
const prepare = loadSql(import.meta.url, './prepare.sql');
const record = loadSql(import.meta.url, './record.sql');
const applied = loadSql(import.meta.url, './applied.sql');

/**
 * Brings a database to the schema of this code. Any number of processes may call it at once: one works, the others
 * wait and find nothing left to do. Each migration is one transaction together with its row in catalog.migrations.
 * `url` must be a direct connection as the owner of the schema: the lock lives in the session.
 * Throws MigrationError.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<MigrateResult> {
  const migrations = options.migrations ?? readMigrations();
  const client = new Client({
    connectionString: url,
    application_name: 'catalog-migrate',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // Others may be at work for as long as they need, and an index takes its time.
    statement_timeout: 0,
    lock_timeout: 0,
    idle_in_transaction_session_timeout: 0,
  });
  // The query in flight reports the same error; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    // Files name everything in full. Nothing that somebody put into "public" gets called with the owner's rights.
    await client.query("set search_path = ''");
    await client.query('select pg_catalog.pg_advisory_lock($1)', [migrationLock]);
    return await applyMissing(client, migrations, options);
  } finally {
    // Ends the session, and its lock with it.
    await client.end();
  }
}

interface AppliedMigration {
  readonly id: number;
  readonly name: string;
  readonly checksum: string;
}

async function applyMissing(
  client: Client,
  migrations: readonly Migration[],
  { log }: MigrateOptions,
): Promise<MigrateResult> {
  await client.query(prepare);
  const { rows } = await client.query<AppliedMigration>(applied);
  assertSameHistory(rows, migrations);
  const missing = migrations.slice(rows.length);
  for (const migration of missing) {
    await retryOnCatalogRace(() => applyOne(client, migration));
    log?.info({ migration: migration.id, name: migration.name }, 'migrated');
  }
  return { current: migrations.length, applied: missing.map((migration) => migration.name) };
}

/** What the database has must be the beginning of what this code has, else the missing ones would not fit on it. */
function assertSameHistory(inDatabase: readonly AppliedMigration[], inCode: readonly Migration[]): void {
  for (const { id, name, checksum } of inDatabase) {
    const file = inCode[id - 1];
    if (file === undefined) {
      throw new MigrationError(
        'database_newer',
        `the database has migration ${id} (${name}), this code ends at ${inCode.length}: run newer code`,
      );
    }
    if (file.checksum !== checksum || file.name !== name) {
      const difference = file.name === name ? 'with another text' : `where this code has ${file.name}`;
      throw new MigrationError(
        'different_history',
        `the database has migration ${id} (${name}) ${difference}, so this code cannot migrate it: ` +
          'run the code that created the database, or start with an empty one (local stack: npm run reset)',
      );
    }
  }
}

async function applyOne(client: Client, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    await client.query(migration.sql);
    await client.query(record, [migration.id, migration.name, migration.checksum]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback');
    throw new MigrationError('failed', describeFailure(migration, error), { cause: error });
  }
}

function describeFailure({ id, name, sql }: Migration, error: unknown): string {
  const position = error instanceof DatabaseError ? Number(error.position) : NaN;
  const line = Number.isNaN(position) ? '' : `, line ${sql.slice(0, position).split('\n').length}`;
  return `migration ${id} (${name})${line}: ${error instanceof Error ? error.message : String(error)}`;
}
