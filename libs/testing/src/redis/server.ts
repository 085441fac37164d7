import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../network/free-port.ts';
import { end, hasExited } from '../processes/exit.ts';
import { reapWhenWeDie } from '../processes/reaper.ts';

export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  log(): string;
  /** Awaits the end for SIGTERM, SIGINT and SIGKILL; SIGSTOP and SIGCONT return at once. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** A new process on the same port and directory; SIGKILLs the old one first if it still runs. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** What the set-up found or installed: on some systems that is `valkey-server`. */
export const redisProgram = process.env['REDIS_SERVER'] || 'redis-server';

const endingSignals = new Set<NodeJS.Signals>(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL']);

/** One PING on a connection of its own: true only for PONG, or for a server that asks for a password. */
async function answersPing(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data', { signal: AbortSignal.timeout(1_000) })) as [Buffer];
    const line = answer.toString('latin1');
    return line.startsWith('+PONG') || line.startsWith('-NOAUTH');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/**
 * A Redis of its own: 127.0.0.1, a free port, nothing persisted unless `config` says so.
 * `config` are directives of redis.conf; a value with spaces is split into arguments as there.
 */
export async function startRedis(options: { config?: Record<string, string> } = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-redis-'));
  let child: ChildProcess | undefined;
  let reaper: { cancel(): void } | undefined;
  let log = '';
  let port = 0;

  /** False when somebody else took the port. */
  const launch = async (): Promise<boolean> => {
    const settings = {
      save: '',
      appendonly: 'no',
      ...options.config,
      bind: '127.0.0.1',
      dir: directory,
      daemonize: 'no',
      port: String(port),
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => [
      `--${name}`,
      ...(value === '' ? [''] : value.split(' ')),
    ]);
    const starting = spawn(redisProgram, flags, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    child = starting;
    const began = log.length;
    const keep = (chunk: Buffer): void => {
      log = (log + chunk.toString('utf8')).slice(-1_000_000);
    };
    starting.stdout?.on('data', keep);
    starting.stderr?.on('data', keep);
    await once(starting, 'spawn').catch((cause: unknown) => {
      throw new Error(`${redisProgram} could not be started; is it installed?`, { cause });
    });
    reaper = reapWhenWeDie(starting.pid ?? 0, directory);
    starting.once('exit', reaper.cancel);
    for (const deadline = Date.now() + 10_000; ; await pause(5)) {
      if (hasExited(starting)) {
        if (log.includes('Address already in use', began)) return false;
        throw new Error(`${redisProgram} ended while it started:\n${log.slice(began)}`);
      }
      if (await answersPing(port)) return true;
      if (Date.now() > deadline) throw new Error(`${redisProgram} does not answer:\n${log.slice(began)}`);
    }
  };

  const remove = async (): Promise<void> => {
    if (child !== undefined) {
      // A stopped process gets no SIGTERM before it is continued.
      child.kill('SIGCONT');
      await end(child, 'SIGTERM', 2_000);
    }
    await rm(directory, { recursive: true, force: true });
  };

  try {
    for (let attempt = 0; ; attempt++) {
      port = await freePort();
      if (await launch()) break;
      if (attempt === 5) throw new Error('no free port was found for redis-server');
    }
  } catch (error) {
    await remove();
    throw error;
  }

  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    get pid() {
      return child?.pid ?? 0;
    },
    log: () => log,
    async kill(signal) {
      if (child === undefined) return;
      if (endingSignals.has(signal)) await end(child, signal);
      else child.kill(signal);
    },
    async restart() {
      if (child !== undefined) await end(child, 'SIGKILL');
      for (let attempt = 0; !(await launch()); attempt++) {
        if (attempt === 5) throw new Error(`port ${port} was taken while redis-server was down`);
      }
    },
    stop: remove,
    [Symbol.asyncDispose]: remove,
  };
}
