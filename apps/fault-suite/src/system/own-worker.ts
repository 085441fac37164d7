/** A worker that a row starts. Meanwhile the workers of the system are paused. */
import { eventually, freePort, startWorker, type RunningScript } from '@catalog/testing';
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
  const { stack, workers } = system;
  await using resources = new AsyncDisposableStack();
  const signalAll = (signal: NodeJS.Signals) => Promise.all(workers.map((worker) => worker.signal(signal)));
  await signalAll('SIGSTOP');
  resources.defer(async () => {
    await signalAll('SIGCONT');
    for (const { url } of workers) await eventually(() => isReady(url), { timeout_ms: 20_000 });
  });
  // A paused process would keep the lock that silences the doorbell.
  await system.sql.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'invalidation_worker'",
  );
  const { mapDirectUrl } = options;
  const direct = mapDirectUrl && {
    DATABASE_DIRECT_URL: mapDirectUrl(await stack.databaseUrl('invalidation_worker')),
  };
  const env = { ...direct, ...options.env };
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
      current = await startWorker(stack, { env, port });
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
