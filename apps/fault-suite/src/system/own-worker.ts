/** A worker that belongs to a row. It replaces the stack's worker, which is paused meanwhile. */
import { join } from 'node:path';
import { eventually, freePort, startScript, type RunningScript } from '@catalog/testing';
import type { System } from './system.ts';

export interface OwnWorker extends AsyncDisposable {
  /** Starts a new process. Resolves when it is ready. */
  start(): Promise<void>;
  readonly isAlive: boolean;
  /** The URL of the last process. */
  readonly url: string;
  signal(signal: NodeJS.Signals): void;
  /** Sends SIGKILL if it runs. */
  kill(): Promise<void>;
}

export async function ownWorker(
  system: System,
  options: { readonly env?: NodeJS.ProcessEnv; readonly mapDirectUrl?: (url: string) => string } = {},
): Promise<OwnWorker> {
  const { stack } = system;
  await using resources = new AsyncDisposableStack();
  await system.kill('invalidation-worker', 'SIGSTOP');
  resources.defer(async () => {
    await system.kill('invalidation-worker', 'SIGCONT');
    await eventually(() => isReady(stack.url('invalidation-worker')), { timeout_ms: 20_000 });
  });
  // The paused process would keep the lock that silences the doorbell.
  await system.sql.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'invalidation_worker'",
  );
  const databaseUrl = await stack.databaseUrl('invalidation_worker');
  const env = {
    DATABASE_URL: databaseUrl,
    DATABASE_DIRECT_URL: options.mapDirectUrl?.(databaseUrl) ?? databaseUrl,
    CACHE_REDIS_URL: await stack.redisUrl('cache', 'invalidation-worker'),
    STATE_REDIS_URL: await stack.redisUrl('state', 'invalidation-worker'),
    SERVICE_JWKS_FILE: join(stack.folder, 'service-jwks.json'),
    ...options.env,
  };
  const port = await freePort();
  let current: RunningScript | undefined;
  resources.defer(() => current?.[Symbol.asyncDispose]());
  const owned = resources.move();
  return {
    get isAlive() {
      return current !== undefined && isRunning(current.pid);
    },
    get url() {
      return current?.url ?? '';
    },
    async start() {
      current = await startScript({ script: 'apps/invalidation-worker/src/main.ts', env, port });
    },
    signal(signal) {
      if (current !== undefined) process.kill(current.pid, signal);
    },
    async kill() {
      if (current === undefined || !isRunning(current.pid)) return;
      process.kill(current.pid, 'SIGKILL');
      system.countKill('invalidation-worker');
      await current[Symbol.asyncDispose]();
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`);
  await response.body?.cancel();
  return response.status === 200;
}
