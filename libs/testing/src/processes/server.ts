import type { ChildProcess } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { freePort } from '../network/free-ports.ts';
import { end, endWithUs, hasExited, sendSignal } from './ending.ts';

export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** The folder with its data. */
  readonly directory: string;
  /** The end of what the server logged, for the message of a failing test. */
  log(): string;
  /** Sends a signal, and waits for the end if the signal ends the server. SIGSTOP and SIGCONT return at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** Starts it again on the same port and directory. If it still runs, it is ended first. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface Recipe {
  readonly name: string;
  /** The folder with its data. It is removed when the server stops. */
  readonly directory: string;
  /** The default is a free port. */
  readonly port?: number | undefined;
  start(port: number): ChildProcess;
  /** Matches its output when it can be used. */
  readonly readyLine: RegExp;
  readonly stopSignal: NodeJS.Signals;
  readonly stopPatience_ms: number;
  /** Ends a running server before a restart. */
  readonly restartSignal: NodeJS.Signals;
  url(port: number): string;
}

const attempts = 6;
const longestLog = 1_000_000;
const startPatience_ms = 30_000;

/** A server of a test, on a free port of 127.0.0.1. It ends with the test process. */
export async function startServer(recipe: Recipe): Promise<Server> {
  const { name, directory } = recipe;
  let child: ChildProcess | undefined;
  let log = '';
  let port = 0;

  /** @returns false if another process took the port */
  const launch = async (): Promise<boolean> => {
    const starting = recipe.start(port);
    child = starting;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    let output = '';
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-longestLog);
      log = (log + chunk.toString('utf8')).slice(-longestLog);
      if (recipe.readyLine.test(output)) resolve(true);
    };
    starting.stdout?.on('data', keep);
    starting.stderr?.on('data', keep);
    starting.once('error', (cause) =>
      reject(new Error(`${name} could not be started. Is it installed?`, { cause })),
    );
    starting.once('close', () => {
      if (output.includes('Address already in use')) resolve(false);
      else reject(new Error(`${name} ended while it started:\n${output}`));
    });
    const late = setTimeout(
      () => reject(new Error(`${name} was not ready after ${startPatience_ms} ms:\n${output}`)),
      startPatience_ms,
    );
    if (starting.pid !== undefined) endWithUs(starting, directory);
    return promise.finally(() => clearTimeout(late));
  };

  const stop = async (): Promise<void> => {
    if (child?.pid !== undefined) {
      // A paused process gets no other signal before it continues.
      child.kill('SIGCONT');
      await end(child, recipe.stopSignal, recipe.stopPatience_ms);
    }
    await rm(directory, { recursive: true, force: true });
  };

  try {
    for (let attempt = 1; ; attempt++) {
      port = recipe.port ?? (await freePort());
      if (await launch()) break;
      if (attempt === attempts) throw new Error(`There is no free port for ${name}.`);
    }
  } catch (error) {
    await stop();
    throw error;
  }

  return {
    url: recipe.url(port),
    port,
    directory,
    get pid() {
      return child?.pid ?? 0;
    },
    log: () => log,
    async kill(signal) {
      if (child !== undefined) await sendSignal(child, signal);
    },
    async restart() {
      if (child !== undefined && !hasExited(child)) await end(child, recipe.restartSignal);
      for (let attempt = 1; !(await launch()); attempt++) {
        if (attempt === attempts) throw new Error(`Port ${port} was taken while ${name} was down.`);
      }
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
