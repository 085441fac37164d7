import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { freePort } from '../network/free-ports.ts';
import { end, endWithUs, hasExited } from '../processes/ending.ts';
import { eventually } from '../time/eventually.ts';
import type { LocalStack } from './local-stack.ts';

const ownRepository = resolve(import.meta.dirname, '../../../..');

export interface RunningScript extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

export interface ScriptOptions {
  /** Relative to the repository. */
  readonly script: string;
  /** The folder of another checkout. The default is this one. */
  readonly repository?: string;
  readonly args?: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly port: number;
  /** Runs it only on this core, with `taskset`. */
  readonly core?: number;
}

/** Starts a script of the repository as a process. Resolves when `GET /readyz` answers 200 on `PORT`. */
export async function startScript({
  script,
  repository = ownRepository,
  args = [],
  env,
  port,
  core,
}: ScriptOptions): Promise<RunningScript> {
  const command = [process.execPath, join(repository, script), ...args];
  const [file = '', ...rest] = core === undefined ? command : ['taskset', '-c', String(core), ...command];
  const child = spawn(file, rest, {
    env: { ...process.env, ...env, PORT: String(port), HOST: '127.0.0.1', NODE_ENV: '' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  endWithUs(child);
  const url = `http://127.0.0.1:${port}`;
  const running: RunningScript = {
    url,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: () => end(child, 'SIGTERM'),
  };
  try {
    const isDecided = async () => hasExited(child) || (await isReady(url));
    await eventually(isDecided, { timeout_ms: 60_000, interval_ms: 50 });
    if (hasExited(child)) throw new Error(`${script} ended while it started.`);
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
  return running;
}

/** Starts another catalog-read process for a stack. Resolves when it counts its cache as fresh. */
export async function startReader(
  stack: LocalStack,
  options: Pick<ScriptOptions, 'core' | 'repository'> & { readonly env?: NodeJS.ProcessEnv } = {},
): Promise<RunningScript> {
  const env = {
    DATABASE_URL: await stack.databaseUrl('catalog_read'),
    CACHE_REDIS_URL: await stack.redisUrl('cache', 'catalog-read'),
    STATE_REDIS_URL: await stack.redisUrl('state', 'catalog-read'),
    SERVICE_JWKS_FILE: join(stack.folder, 'service-jwks.json'),
    ALLOW_ANONYMOUS_READS: 'true',
    // The values of the local stack, because the processes share the counters.
    RATE_LIMIT_REQUESTS: '1000000000',
    LOADS_PER_SECOND: '1000000',
    NODE_OPTIONS: '--max-semi-space-size=32',
    ...options.env,
  };
  const reader = await startScript({
    ...options,
    script: 'apps/catalog-read/src/main.ts',
    env,
    port: stack.sparePort(),
  });
  try {
    // The process is ready before its cache is: that counts as fresh from the first heartbeat.
    await eventually(
      async () => {
        const metrics = await fetch(`${reader.url}/metrics`);
        return /^cache_fresh(?:\{.*\})? 1$/m.test(await metrics.text());
      },
      { timeout_ms: 20_000 },
    );
  } catch (error) {
    await reader[Symbol.asyncDispose]();
    throw error;
  }
  return reader;
}

interface ExtraOptions extends Pick<ScriptOptions, 'repository'> {
  readonly env?: NodeJS.ProcessEnv;
  /** The default is a free one. */
  readonly port?: number;
}

/** Starts another invalidation-worker process for a stack. Resolves when it is ready. */
export async function startWorker(
  stack: LocalStack,
  { env, port, ...options }: ExtraOptions = {},
): Promise<RunningScript> {
  const databaseUrl = await stack.databaseUrl('invalidation_worker');
  return startScript({
    ...options,
    script: 'apps/invalidation-worker/src/main.ts',
    env: {
      DATABASE_URL: databaseUrl,
      DATABASE_DIRECT_URL: databaseUrl,
      CACHE_REDIS_URL: await stack.redisUrl('cache', 'invalidation-worker'),
      STATE_REDIS_URL: await stack.redisUrl('state', 'invalidation-worker'),
      SERVICE_JWKS_FILE: join(stack.folder, 'service-jwks.json'),
      ...env,
    },
    port: port ?? (await freePort()),
  });
}

/** Starts another catalog-write process for a stack. Resolves when it is ready. */
export async function startWriter(
  stack: LocalStack,
  { env, port, ...options }: ExtraOptions = {},
): Promise<RunningScript> {
  return startScript({
    ...options,
    script: 'apps/catalog-write/src/main.ts',
    env: {
      DATABASE_URL: await stack.databaseUrl('catalog_write'),
      STATE_REDIS_URL: await stack.redisUrl('state', 'catalog-write'),
      SERVICE_JWKS_FILE: join(stack.folder, 'service-jwks.json'),
      // The limit of the local stack, because the processes share the counters.
      RATE_LIMIT_REQUESTS: '1000000000',
      ...env,
    },
    port: port ?? (await freePort()),
  });
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`);
  await response.body?.cancel();
  return response.status === 200;
}
