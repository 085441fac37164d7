import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { chown, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type Server } from '../processes/server.ts';

export interface PgBouncerOptions {
  /** The port of Postgres on 127.0.0.1. */
  readonly to: number;
  /** Passwords by role. */
  readonly logins: Readonly<Record<string, string>>;
  /** Sessions on Postgres for each role; 4 unless set. */
  readonly poolSize?: number;
  /** More settings of pgbouncer.ini. */
  readonly config?: Readonly<Record<string, string>>;
}

/** PgBouncer in transaction mode, from the machine's package. `url` is that of the first login and the database `postgres`. */
export async function startPgBouncer({
  to,
  logins,
  poolSize = 4,
  config = {},
}: PgBouncerOptions): Promise<Server> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-pgbouncer-'));
  const [first = ['', '']] = Object.entries(logins);
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const users = Object.entries(logins).map((login) => login.map(quoted).join(' '));
  await writeFile(join(directory, 'users.txt'), `${users.join('\n')}\n`);
  // It refuses to run as root.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) await chown(directory, nobody, nobody);
  const owner = isRoot ? { uid: nobody, gid: nobody } : {};
  const settings = (port: number) => ({
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'plain',
    auth_file: join(directory, 'users.txt'),
    pool_mode: 'transaction',
    default_pool_size: String(poolSize),
    max_client_conn: '500',
    ...config,
  });
  const file = join(directory, 'pgbouncer.ini');
  return startServer({
    name: 'PgBouncer',
    directory,
    start(port) {
      const lines = Object.entries(settings(port)).map(([name, value]) => `${name} = ${value}`);
      writeFileSync(file, `[databases]\n* = host=127.0.0.1 port=${to}\n[pgbouncer]\n${lines.join('\n')}\n`);
      return spawn(program, [file], { ...owner, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    },
    readyLine: /process up/,
    stopSignal: 'SIGINT',
    stopPatience_ms: 2_000,
    restartSignal: 'SIGKILL',
    url: (port) => `postgres://${first[0]}:${encodeURIComponent(first[1])}@127.0.0.1:${port}/postgres`,
  });
}

/** `npm test` sets PGBOUNCER. When a test file runs alone, it tries PATH. */
const program = process.env['PGBOUNCER'] ?? 'pgbouncer';

/** The user of Debian that owns nothing. */
const nobody = 65_534;
