import { backoff, pause } from '@catalog/runtime';
import { Client, DatabaseError } from 'pg';
import { requireDirect } from '../postgres/direct.ts';
import { sessionOptions } from '../postgres/session.ts';
import { loadSql } from '../postgres/sql.ts';
import { applyMigration, buildsIndexBesideOthers } from './apply.ts';
import { type Blocker, BlockerWatch, describeBlockers } from './blockers.ts';
import { retryOnCatalogRace } from './catalog-race.ts';
import { MigrationError } from './error.ts';
import { readMigrations, type Migration } from './files.ts';

export interface MigrateOptions {
  readonly log?: { info(details: object, message: string): void };
  /** Those of this package unless a test says otherwise. */
  readonly migrations?: readonly Migration[];
  /**
   * How long a migration waits for a lock before it lets others pass and tries again. While it waits, every later statement on
   * that table waits behind it: at most a second.
   */
  readonly lockTimeout_ms?: number;
  /** How long it tries again before it fails with `locked`. */
  readonly giveUpAfter_ms?: number;
}

export interface MigrateResult {
  /** The id of the last migration that the database has now. */
  readonly current: number;
  /** The migrations that this call applied; empty if another process was faster or there was nothing to do. */
  readonly applied: readonly string[];
}

/** One bigint, within the database that is migrated. */
const migrationLock = 7_236_000;
const lockPoll_ms = 100;
const retryDelay_ms = backoff({ first_ms: 500, most_ms: 15_000 });
const prepare = loadSql(import.meta.url, './prepare.sql');
const applied = loadSql(import.meta.url, './applied.sql');

/**
 * Brings a database to the schema of this code. Any number of processes may call it at once: one works, the others
 * wait and find nothing left to do. Each migration is one transaction together with its row in catalog.migrations, unless it
 * must run outside one.
 * `url` must be a direct connection as the owner of the schema, because the lock belongs to the session.
 * Throws MigrationError.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<MigrateResult> {
  const migrations = options.migrations ?? readMigrations();
  const client = new Client({
    connectionString: url,
    application_name: 'catalog-migrate',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    // An index takes its time, and so does another process that migrates.
    statement_timeout: 0,
    lock_timeout: 0,
    idle_in_transaction_session_timeout: 0,
    options: sessionOptions,
  });
  // The query in flight reports the same error. Without a listener the error would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    await requireDirect(client);
    // The files qualify all names. The owner's rights must not run a foreign function in "public".
    await client.query("set search_path = ''");
    await takeLock(client);
    await client.query(prepare);
    const { rows } = await client.query<AppliedMigration>(applied);
    assertSameHistory(rows, migrations);
    const missing = migrations.slice(rows.length);
    if (missing.length > 0) await applyAll(client, missing, url, options);
    return { current: migrations.length, applied: missing.map(({ name }) => name) };
  } finally {
    // Ends the session, and its lock with it.
    await client.end();
  }
}

/**
 * Polls, because a session that waits inside `pg_advisory_lock` keeps its snapshot. CREATE INDEX CONCURRENTLY waits for all older
 * snapshots, so the two would wait for each other.
 */
async function takeLock(client: Client): Promise<void> {
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_catalog.pg_try_advisory_lock($1) as taken',
      [migrationLock],
    );
    if (rows[0]?.taken === true) return;
    await pause(lockPoll_ms);
  }
}

interface AppliedMigration {
  readonly id: number;
  readonly name: string;
  readonly checksum: string;
}

/** The database must have the first migrations of this code: the missing ones fit on no others. */
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

async function applyAll(
  client: Client,
  missing: readonly Migration[],
  url: string,
  options: MigrateOptions,
): Promise<void> {
  await using watch = await BlockerWatch.open(url);
  for (const migration of missing) {
    await retryWhileLocked(client, watch, migration, options);
    options.log?.info({ migration: migration.id, name: migration.name }, 'migrated');
  }
}

/** A migration that waits for a lock stops all traffic on its table. So it waits briefly, lets others pass, and tries again. */
async function retryWhileLocked(
  client: Client,
  watch: BlockerWatch,
  migration: Migration,
  { lockTimeout_ms = 500, giveUpAfter_ms = 600_000, log }: MigrateOptions,
): Promise<void> {
  const { rows } = await client.query<{ pid: number }>('select pg_catalog.pg_backend_pid() as pid');
  const pid = rows[0]?.pid ?? 0;
  const mostWait_ms = buildsIndexBesideOthers(migration) ? giveUpAfter_ms : lockTimeout_ms;
  const until_ms = performance.now() + giveUpAfter_ms;
  for (let attempt = 1; ; attempt += 1) {
    const { error, blockers } = await watch.during(
      pid,
      () => retryOnCatalogRace(() => applyMigration(client, migration, mostWait_ms)),
      lockTimeout_ms / 4,
    );
    if (error === undefined) return;
    if (!isLockTimeout(error)) throw error;
    const pause_ms = retryDelay_ms(attempt);
    if (performance.now() + pause_ms > until_ms)
      throw lockedError(migration, blockers, giveUpAfter_ms, error);
    log?.info(
      { migration: migration.id, name: migration.name, attempt, pause_ms, blockers },
      'a migration waits for a lock and tries again',
    );
    await pause(pause_ms);
  }
}

function isLockTimeout(error: unknown): boolean {
  const cause = error instanceof MigrationError ? error.cause : undefined;
  return cause instanceof DatabaseError && cause.code === '55P03';
}

function lockedError(
  { id, name }: Migration,
  blockers: readonly Blocker[],
  giveUpAfter_ms: number,
  cause: unknown,
): MigrationError {
  return new MigrationError(
    'locked',
    `migration ${id} (${name}) got no lock within ${giveUpAfter_ms / 1_000} s: ${describeBlockers(blockers)}. ` +
      'End that transaction (pg_terminate_backend) or run the migration again later',
    { cause },
  );
}
