/** The two Redis servers of the local stack: one may lose anything, the other must not. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { host } from '../machine/ports.ts';
import { stopPatience_ms } from '../processes/stop-patience.ts';
import type { ProcessSpec } from '../processes/supervised-process.ts';
import { aclFile, type RedisServer } from './redis-acl.ts';

export interface RedisOptions {
  readonly server: RedisServer;
  /** `redis-server` or `valkey-server`. */
  readonly program: string;
  readonly folder: string;
  readonly port: number;
  /** By ACL user. */
  readonly passwords: Readonly<Record<string, string>>;
}

const settings: Readonly<Record<RedisServer, readonly string[]>> = {
  cache: [
    // The demo catalog takes a twentieth of this; the limit is there to be met by those who load more.
    'maxmemory 256mb',
    'maxmemory-policy allkeys-lfu',
    'save ""',
    'appendonly no',
  ],
  state: [
    'maxmemory-policy noeviction',
    'save ""',
    'appendonly yes',
    // At most a second of queue entries is lost with the machine; the outbox in Postgres still has them.
    'appendfsync everysec',
  ],
};

export function redisUrl(port: number, user: string, password: string): string {
  return `redis://${user}:${password}@${host}:${port}`;
}

/** Writes the server's configuration, and says how to start it. */
export async function prepareRedis({
  server,
  program,
  folder,
  port,
  passwords,
}: RedisOptions): Promise<ProcessSpec> {
  const configFile = join(folder, 'redis.conf');
  const aclPath = join(folder, 'users.acl');
  const lines = [
    `bind ${host}`,
    `port ${port}`,
    `dir "${folder}"`,
    `aclfile "${aclPath}"`,
    'daemonize no',
    // The command line must keep the path of this file, by which a later start knows the process as ours.
    'set-proc-title no',
    ...settings[server],
    '',
  ];
  await writeFile(aclPath, aclFile(server, passwords), { mode: 0o600 });
  await writeFile(configFile, lines.join('\n'), { mode: 0o600 });
  return {
    name: `${server}-redis`,
    file: program,
    args: [configFile],
    env: process.env,
    cwd: folder,
    marker: configFile,
    stopSignal: 'SIGTERM',
    stopPatience_ms: stopPatience_ms.redis,
    startPatience_ms: 60_000,
    ready: ({ sawLine }) => sawLine(/Ready to accept connections/),
    // Advice on kernel settings is printed as a warning at each start, and is no news on a developer's machine.
    surface: (line) => (/ # .*(error|fatal|can't|failed)/i.test(line) ? line : undefined),
  };
}
