import { spawn } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer, type Server } from '../processes/server.ts';

export type RedisServer = Server;

/** The program that the set-up found or installed. On some systems it is `valkey-server`. */
export const redisProgram = process.env['REDIS_SERVER'] || 'redis-server';

/**
 * Starts a Redis, without persistence unless `config` says otherwise. `config` holds directives of redis.conf; a value with
 * spaces is split into arguments as there.
 */
export async function startRedis(options: { config?: Record<string, string> } = {}): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), 'catalog-test-redis-'));
  return startServer({
    name: redisProgram,
    directory,
    start(port) {
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
      return spawn(redisProgram, flags, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    },
    readyLine: /Ready to accept connections/,
    stopSignal: 'SIGTERM',
    stopPatience_ms: 2_000,
    restartSignal: 'SIGKILL',
    url: (port) => `redis://127.0.0.1:${port}`,
  });
}
