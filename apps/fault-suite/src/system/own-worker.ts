/** A worker of the suite's own, in the place of the stack's, which stands still meanwhile. */
import { join } from 'node:path';
import { eventually, freePort, startScript, type RunningScript } from '@catalog/testing';
import type { System } from './system.ts';

export interface OwnWorker extends AsyncDisposable {
  /** Another life. Resolves when it is ready. */
  start(): Promise<void>;
  readonly isAlive: boolean;
  /** Of the life that was started last. */
  readonly url: string;
  signal(signal: NodeJS.Signals): void;
  /** SIGKILL, if it lives. */
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
  // A process that stands still would keep the lock that silences the doorbell.
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
  let life: RunningScript | undefined;
  resources.defer(() => life?.[Symbol.asyncDispose]());
  const owned = resources.move();
  return {
    get isAlive() {
      return life !== undefined && isRunning(life.pid);
    },
    get url() {
      return life?.url ?? '';
    },
    async start() {
      life = await startScript({ script: 'apps/invalidation-worker/src/main.ts', env, port });
    },
    signal(signal) {
      if (life !== undefined) process.kill(life.pid, signal);
    },
    async kill() {
      if (life === undefined || !isRunning(life.pid)) return;
      process.kill(life.pid, 'SIGKILL');
      system.noteKill('invalidation-worker');
      await life[Symbol.asyncDispose]();
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
