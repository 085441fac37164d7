import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { end, endWithUs, sendSignal } from '../processes/ending.ts';
import { eventually } from '../time/eventually.ts';

const repositoryRoot = resolve(import.meta.dirname, '../../../..');

export interface ServiceProcess extends AsyncDisposable {
  /** Such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The end of its log, for the message of a failing test. */
  log(): string;
  /** Sends a signal, and waits for the end if the signal ends the process. SIGSTOP and SIGCONT return at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

/**
 * Starts an app as a process, as in production, on a free port unless `env` sets one. Resolves when it is ready. It is
 * started and not imported, so that no lib depends on an app.
 */
export async function startService(
  app: string,
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const main = resolve(repositoryRoot, 'apps', app, 'src/main.ts');
  const child = spawn(process.execPath, [main], {
    cwd: resolve(main, '../..'),
    env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'info', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let log = '';
  const keep = (chunk: Buffer): void => {
    log = (log + chunk.toString('utf8')).slice(-1_000_000);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  await once(child, 'spawn');
  endWithUs(child);

  const stop = async (): Promise<void> => {
    child.kill('SIGCONT');
    await end(child, 'SIGTERM', 10_000);
  };
  try {
    const port = await eventually(
      async () => {
        if (child.exitCode !== null) throw new Error(`${app} ended while it started:\n${log}`);
        const listening = /"port":(\d+),[^\n]*"msg":"listening"/.exec(log)?.[1];
        if (listening === undefined) return false;
        const response = await fetch(`http://127.0.0.1:${listening}/readyz`);
        const text = await response.text();
        if (response.status !== 200) throw new Error(`${app} is not ready: ${text}`);
        return Number(listening);
      },
      // With workers, several processes start at once.
      { timeout_ms: 60_000, interval_ms: 25 },
    );
    return {
      url: `http://127.0.0.1:${port}`,
      port,
      pid: child.pid ?? 0,
      log: () => log,
      kill: (signal) => sendSignal(child, signal),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
