/** The real stack as everybody starts it, in a folder of its own, and beside it a database for what it is compared with. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { createPool, migrate, type Pool } from '@catalog/database';
import { eventually, stackPlace, startLocalStack, type LocalStack } from '@catalog/testing';

const repository = resolve(import.meta.dirname, '../../../..');

export interface BenchStack extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly say: (line: string) => void;
  /** The superuser in the stack's database. */
  readonly catalog: Pool;
  /** The superuser in the database `peers`: the same schema on the same server, and nothing that works on it. */
  readonly peers: Pool;
  readonly peersUrl: string;
  /** Another process of catalog-read; on one core where `core` says so. */
  startReader(options?: { core?: number }): Promise<{ url: string } & AsyncDisposable>;
  /** One of our peers, as a process of its own. */
  startPeer(
    name: string,
    env: NodeJS.ProcessEnv,
    options?: { core?: number },
  ): Promise<{ url: string } & AsyncDisposable>;
}

export async function startBenchStack(say: (line: string) => void): Promise<BenchStack> {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await stackPlace());
  const stack = resources.use(await startLocalStack(place));
  const pool = (url: string, applicationName: string): Pool => {
    const made = createPool({ url, applicationName, max: 20, statementTimeout_ms: 0, lockTimeout_ms: 0 });
    resources.defer(() => made.end());
    return made;
  };
  const catalogUrl = await stack.databaseUrl();
  const catalog = pool(catalogUrl, 'benchmark');
  await catalog.query('create database peers');
  const peersUrl = catalogUrl.replace(/\/catalog$/, '/peers');
  await migrate(peersUrl);
  const peers = pool(peersUrl, 'benchmark');

  let nextPort = place.base + 15;
  const start = async (
    script: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    core: number | undefined,
  ): Promise<{ url: string } & AsyncDisposable> => {
    const port = nextPort++;
    const command = [process.execPath, join(repository, script), ...args];
    const [file = '', ...rest] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
    const child = spawn(file, rest, {
      env: { ...process.env, ...env, PORT: String(port), HOST: '127.0.0.1', NODE_ENV: '' },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const url = `http://127.0.0.1:${port}`;
    await eventually(() => isReady(child, url), { timeout_ms: 30_000, interval_ms: 50 });
    return {
      url,
      async [Symbol.asyncDispose]() {
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, 'exit');
        child.kill('SIGTERM');
        await exited;
      },
    };
  };

  const owned = resources.move();
  return {
    stack,
    say,
    catalog,
    peers,
    peersUrl,
    async startReader({ core } = {}) {
      const env = {
        DATABASE_URL: await stack.databaseUrl('catalog_read'),
        CACHE_REDIS_URL: await stack.redisUrl('cache', 'catalog-read'),
        STATE_REDIS_URL: await stack.redisUrl('state', 'catalog-read'),
        SERVICE_JWKS_FILE: join(place.root, String(place.base), 'service-jwks.json'),
        ALLOW_ANONYMOUS_READS: 'true',
        // As the local stack sets them: the processes share the counters.
        RATE_LIMIT_REQUESTS: '1000000000',
      };
      const reader = await start('apps/catalog-read/src/main.ts', [], env, core);
      // Ready is who can answer; the cache counts from the first heartbeat on.
      await eventually(async () => {
        const metrics = await fetch(`${reader.url}/metrics`);
        return /^cache_fresh(?:\{.*\})? 1$/m.test(await metrics.text());
      });
      return reader;
    },
    startPeer: (name, env, { core } = {}) => start('apps/benchmark/src/main.ts', ['peer', name], env, core),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function isReady(child: ChildProcess, url: string): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`it ended with exit code ${child.exitCode}`);
  const response = await fetch(`${url}/readyz`);
  await response.body?.cancel();
  return response.status === 200;
}

/** Cores for the server that is measured, and for who measures it; undefined where they cannot be chosen. */
export const cores: { readonly measured: number; readonly others: number } | undefined =
  process.platform === 'linux' ? { measured: 0, others: 1 } : undefined;

/** Resolves when the feed has nothing left to do, so that what came before is not measured. */
export async function drained(catalog: Pool): Promise<void> {
  await eventually(
    async () => {
      const { rowCount } = await catalog.query('select from catalog.outbox where applied_at is null limit 1');
      return rowCount === 0;
    },
    { timeout_ms: 300_000, interval_ms: 100 },
  );
}
