import { execFile } from 'node:child_process';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { eventually } from '../time/eventually.ts';
import { startPostgres, type PostgresOptions, type PostgresServer } from './server.ts';

const run = promisify(execFile);
const patience = { timeout_ms: 30_000 };

export interface PostgresStandby extends PostgresServer {
  /** Ends the recovery: from now on it is a primary, on a timeline of its own. */
  promote(): Promise<void>;
  /** Stops the replication, and lets the standby lag behind. */
  pauseReplication(): Promise<void>;
  /** Waits until the standby has replayed all that the primary has written by now. */
  catchUp(): Promise<void>;
}

/**
 * A streaming standby of `primary`, made from a base backup: the steps of pg_basebackup, which embedded Postgres does not
 * ship.
 */
export async function startStandby(
  primary: PostgresServer,
  options: Omit<PostgresOptions, 'fill'> = {},
): Promise<PostgresStandby> {
  const { username, password } = new URL(primary.url);
  const conninfo = `host=127.0.0.1 port=${primary.port} user=${username} password=${password} application_name=standby`;
  const server = await startPostgres({
    ...options,
    config: { wal_retrieve_retry_interval: '100ms', ...options.config },
    fill: (directory) => copyRunning(primary, directory, conninfo),
  });
  return Object.assign(server, {
    async promote() {
      await query(server.url, 'select pg_promote(true, 30)');
    },
    async pauseReplication() {
      // The receiver ends and finds no primary. What it has received is replayed.
      await query(server.url, "alter system set primary_conninfo = ''");
      await query(server.url, 'select pg_reload_conf()');
      const ended = 'select not exists (select from pg_stat_wal_receiver) as yes';
      await eventually(async () => (await query<{ yes: boolean }>(server.url, ended)).yes, patience);
    },
    async catchUp() {
      const { lsn } = await query<{ lsn: string }>(
        primary.url,
        'select pg_current_wal_insert_lsn()::text as lsn',
      );
      const reached = 'select pg_last_wal_replay_lsn() >= $1::pg_lsn as yes';
      await eventually(async () => (await query<{ yes: boolean }>(server.url, reached, [lsn])).yes, patience);
    },
  });
}

/** Copies the data of a server that is stopped, as a snapshot of its disk does. `to` must not exist, or be empty. */
export async function copyStopped(from: string, to: string): Promise<void> {
  await run('cp', ['-a', `${from}/.`, to]);
}

async function copyRunning(primary: PostgresServer, directory: string, conninfo: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query("select pg_backup_start('standby', fast => true)");
    await run('cp', ['-a', `${primary.directory}/.`, directory]).catch((error: unknown) => {
      // The server deletes temporary files while they are copied. It does not need them.
      const lines = ((error as { stderr?: string }).stderr ?? '').trim().split('\n');
      if (!lines.every((line) => line.endsWith('No such file or directory'))) throw error;
    });
    const { rows } = await client.query<{ labelfile: string }>(
      'select labelfile from pg_backup_stop(wait_for_archive => false)',
    );
    await writeFile(join(directory, 'backup_label'), rows[0]?.labelfile ?? '', { mode: 0o600 });
    await writeFile(join(directory, 'standby.signal'), '');
  } finally {
    await client.end();
  }
  await rm(join(directory, 'postmaster.pid'), { force: true });
  await rm(join(directory, 'postmaster.opts'), { force: true });
  // Here and not among the flags, which ALTER SYSTEM could not overrule. What a test has set on the primary goes.
  await writeFile(join(directory, 'postgresql.auto.conf'), `primary_conninfo = '${conninfo}'\n`);
  await run('chown', ['-R', '--reference', primary.directory, directory]);
}

async function query<Row extends object = Record<string, unknown>>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows[0] ?? ({} as Row);
  } finally {
    await client.end();
  }
}
