import { spawn } from 'node:child_process';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { signToken } from '../auth/test-tokens.ts';
import { hasExited } from '../processes/exit.ts';

const repository = resolve(import.meta.dirname, '../../../..');

const offsets = {
  console: 0,
  'catalog-read': 1,
  'catalog-write': 2,
  'invalidation-worker': 3,
  orders: 4,
  postgres: 10,
  'cache-redis': 11,
  'state-redis': 12,
} as const;
export type StackProcess = keyof typeof offsets;

/** A port base and a folder that no other stack has; the folder goes when it is disposed. */
export interface StackPlace extends AsyncDisposable {
  readonly base: number;
  /** What `.stack/` is to `npm start`. */
  readonly root: string;
}

export async function stackPlace(): Promise<StackPlace> {
  const root = await mkdtemp(join(tmpdir(), 'catalog-test-stack-'));
  // Root runs Postgres as another user, who must be able to pass through.
  await chmod(root, 0o711);
  return {
    base: await freePortBase(),
    root,
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true });
    },
  };
}

export interface LocalStackOptions {
  /** `main` is what the set-up script runs in the end; `npm` runs the set-up script, as `npm start` does. */
  readonly through?: 'main' | 'npm';
  /** Added to the environment, such as the URL of a real server. */
  readonly env?: NodeJS.ProcessEnv;
  /** Awaits the end of the start; false for a start that is expected to fail. */
  readonly awaitReady?: boolean;
}

/** The whole local stack as a process of its own, as a person starts it. */
export interface LocalStack extends AsyncDisposable {
  readonly pid: number;
  /** What it keeps on disk. */
  readonly folder: string;
  /** A port beside its own, for a process that a test adds; another one at each call. */
  sparePort(): number;
  /** The lines it has printed. */
  readonly said: readonly string[];
  /** Awaits a line; those before `from` do not count. */
  hears(pattern: RegExp, from?: number): Promise<string>;
  readonly exited: Promise<number | null>;
  /** To the process, or with `group` to its process group, as Ctrl-C in a terminal. */
  signal(signal: NodeJS.Signals, to?: 'process' | 'group'): void;
  url(service: StackProcess): string;
  port(service: StackProcess): number;
  /** As the superuser, or as a service's own role. */
  databaseUrl(login?: string): Promise<string>;
  /** As the operator, who may do everything, or as a service's own user. */
  redisUrl(server: 'cache' | 'state', user?: string): Promise<string>;
  /** The pid of each running child. */
  pids(): Promise<Partial<Record<StackProcess, number>>>;
  /** For calls of `audience` with these scopes, valid for 5 minutes. */
  token(audience: StackProcess, scope: string): Promise<string>;
}

/** Ends with the test process in any case: it holds our end of an IPC channel. */
export async function startLocalStack(
  place: Pick<StackPlace, 'base' | 'root'>,
  options: LocalStackOptions = {},
): Promise<LocalStack> {
  const script = options.through === 'npm' ? 'infra/bootstrap.mjs' : 'apps/local-stack/src/main.ts';
  const child = spawn(process.execPath, [join(repository, script), 'start'], {
    cwd: repository,
    env: {
      ...process.env,
      PORT_BASE: String(place.base),
      STACK_FOLDER: place.root,
      NODE_ENV: '',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The leader of a process group, as a terminal makes it, so that a signal to all of it can be tried.
    detached: true,
  });
  const said: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    if (stream === null) continue;
    createInterface({ input: stream }).on('line', (line) => {
      said.push(line);
      for (const look of waiting) look();
    });
  }
  const exited = new Promise<number | null>((resolveExit) => {
    child.once('close', (code) => {
      resolveExit(code);
      for (const look of waiting) look();
    });
  });
  const hears = (pattern: RegExp, from = 0): Promise<string> =>
    new Promise((resolveLine, reject) => {
      const look = (): void => {
        const line = said.slice(from).find((text) => pattern.test(text));
        if (line !== undefined) resolveLine(line);
        else if (hasExited(child))
          reject(new Error(`it ended without saying ${pattern}:\n${said.join('\n')}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });

  const folder = join(place.root, String(place.base));
  let nextSpare = 15;
  const port = (service: StackProcess): number => place.base + offsets[service];
  const secrets = async () => JSON.parse(await readFile(join(folder, 'secrets.json'), 'utf8')) as Secrets;
  const signal = (name: NodeJS.Signals, to: 'process' | 'group' = 'process'): void => {
    if (child.pid !== undefined && !hasExited(child))
      process.kill(to === 'group' ? -child.pid : child.pid, name);
  };
  const stack: LocalStack = {
    pid: child.pid ?? 0,
    folder,
    sparePort: () => place.base + nextSpare++,
    said,
    hears,
    exited,
    signal,
    port,
    url: (service) => `http://127.0.0.1:${port(service)}`,
    async databaseUrl(login = 'postgres') {
      return `postgres://${login}:${(await secrets()).postgres[login]}@127.0.0.1:${port('postgres')}/catalog`;
    },
    async redisUrl(server, user = 'operator') {
      return `redis://${user}:${(await secrets()).redis[user]}@127.0.0.1:${port(`${server}-redis`)}`;
    },
    async pids() {
      const { children } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8')) as RunRecord;
      return Object.fromEntries(children.map(({ name, pid }) => [name, pid]));
    },
    async token(audience, scope) {
      const { tokenKey } = await secrets();
      const key = createPrivateKey({ key: tokenKey, format: 'jwk' });
      return signToken(key, tokenKey.kid, { aud: audience, scope });
    },
    async [Symbol.asyncDispose]() {
      signal('SIGTERM');
      await exited;
    },
  };
  if (options.awaitReady === false) return stack;
  try {
    await hears(/Ctrl-C stops everything/);
  } catch (error) {
    await stack[Symbol.asyncDispose]();
    throw error;
  }
  return stack;
}

interface Secrets {
  readonly postgres: Readonly<Record<string, string>>;
  readonly redis: Readonly<Record<string, string>>;
  readonly tokenKey: webcrypto.JsonWebKey & { readonly kid: string };
}

interface RunRecord {
  readonly children: readonly { readonly name: StackProcess; readonly pid: number }[];
}

/** Below the ports that the system gives to clients, so that none of them takes one of ours meanwhile. */
async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    // Above 10080, the last port that fetch and browsers refuse to open.
    const base = 10_120 + 40 * Math.floor(Math.random() * 500);
    const free = await Promise.all(Object.values(offsets).map((offset) => isFree(base + offset)));
    if (free.every(Boolean)) return base;
  }
  throw new Error('no free range of ports was found for a stack');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolveFree) => {
    const probe = createServer();
    probe.once('error', () => resolveFree(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolveFree(true)));
  });
}
