import { spawn } from 'node:child_process';
import { createPrivateKey, type webcrypto } from 'node:crypto';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Listener, portOffsets } from '@catalog/contracts';
import { signToken } from '../auth/test-tokens.ts';
import { freePortRange } from '../network/free-ports.ts';
import { hasExited } from '../processes/ending.ts';

const repository = resolve(import.meta.dirname, '../../../..');
/** The bus of each cluster node takes the port ten above its own. */
const ownPorts = 11 + Math.max(...Object.values(portOffsets));
/** With spare ports for the processes that a test adds. */
const portRange = 80;

export type StackProcess = Listener;

/** A port base and a folder that no other stack uses. Disposing removes the folder. */
export interface StackPlace extends AsyncDisposable {
  readonly base: number;
  /** Takes the place of `.stack/`. */
  readonly root: string;
}

export async function stackPlace(): Promise<StackPlace> {
  const root = await mkdtemp(join(tmpdir(), 'catalog-test-stack-'));
  // Root runs Postgres as another user, who must be able to pass through this folder.
  await chmod(root, 0o711);
  return {
    base: await freePortRange(portRange),
    root,
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true });
    },
  };
}

export interface LocalStackOptions {
  /** `npm` runs the set-up script, as `npm start` does. `main` runs what the set-up script starts. */
  readonly through?: 'main' | 'npm';
  /** `stores` starts no service, and leaves the database empty. */
  readonly command?: 'start' | 'stores';
  /** Additional environment, such as the URL of a real server. */
  readonly env?: NodeJS.ProcessEnv;
  /** Whether to wait until the stack is ready; false for a start that must fail. */
  readonly awaitReady?: boolean;
}

/** The whole local stack as a process, as a person starts it. */
export interface LocalStack extends AsyncDisposable {
  readonly pid: number;
  /** The folder with its data. */
  readonly folder: string;
  /** A free port for a process that a test adds; each call returns another one. */
  sparePort(): number;
  /** The lines it has printed. */
  readonly said: readonly string[];
  /** Waits for a line that matches. Lines before index `from` do not count. */
  hears(pattern: RegExp, from?: number): Promise<string>;
  readonly exited: Promise<number | null>;
  /** Signals the process, or with `group` its process group, as Ctrl-C in a terminal does. */
  signal(signal: NodeJS.Signals, to?: 'process' | 'group'): void;
  url(service: StackProcess): string;
  port(service: StackProcess): number;
  /** Signs in as the superuser, or as the role of a service. */
  databaseUrl(login?: string): Promise<string>;
  /** Signs in as the operator, who may do everything, or as the user of a service. A real server gets the URL that `env` has. */
  redisUrl(server: 'cache' | 'state', user?: string): Promise<string>;
  /** The pid of each running child. */
  pids(): Promise<Partial<Record<StackProcess, number>>>;
  /** A token for calls of `audience` with these scopes, valid for 5 minutes. */
  token(audience: StackProcess, scope: string): Promise<string>;
}

/** It always ends with the test process, because it notices when the IPC channel breaks. */
export async function startLocalStack(
  place: Pick<StackPlace, 'base' | 'root'>,
  options: LocalStackOptions = {},
): Promise<LocalStack> {
  const script = options.through === 'npm' ? 'infra/bootstrap.mjs' : 'apps/local-stack/src/main.ts';
  const child = spawn(process.execPath, [join(repository, script), options.command ?? 'start'], {
    cwd: repository,
    env: {
      ...process.env,
      PORT_BASE: String(place.base),
      STACK_FOLDER: place.root,
      NODE_ENV: '',
      // The tests judge single processes: their near caches, and that none of them goes back in time.
      WORKERS: '1',
      ...options.env,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The leader of a process group, as in a terminal, so that a test can signal the whole group.
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
          reject(new Error(`The stack ended and did not print ${pattern}:\n${said.join('\n')}`));
        else return;
        waiting.delete(look);
      };
      waiting.add(look);
      look();
    });

  const folder = join(place.root, String(place.base));
  let nextSpare = ownPorts;
  const port = (service: StackProcess): number => place.base + portOffsets[service];
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
      const real = options.env?.[`${server.toUpperCase()}_REDIS_URL`];
      if (real !== undefined) return real;
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
