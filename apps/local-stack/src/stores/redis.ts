/** The Redis servers of the local stack. The cache Redis may lose anything, the state Redis nothing. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { host } from '../machine/ports.ts';
import type { ProcessSpec } from '../processes/supervised-process.ts';
import { aclFile, operator, type RedisServer } from './redis-acl.ts';

export interface RedisOptions {
  readonly server: RedisServer;
  /** The name of the process. */
  readonly name: string;
  /** A node of a cluster: the port on which the other nodes reach it. */
  readonly busPort?: number;
  /** `redis-server` or `valkey-server`. */
  readonly program: string;
  readonly folder: string;
  readonly port: number;
  /** By ACL user. */
  readonly passwords: Readonly<Record<string, string>>;
}

const settings: Readonly<Record<RedisServer, readonly string[]>> = {
  cache: [
    // The demo catalog takes a twentieth of this. A larger catalog meets the limit, and the cache then evicts.
    'maxmemory 256mb',
    // A client that takes no answers is cut off before they fill the memory.
    'maxmemory-clients 96mb',
    'maxmemory-policy allkeys-lfu',
    'save ""',
    'appendonly no',
  ],
  state: [
    // Everything in it has a bound (libs/redis/README.md), and all bounds together stay well below this.
    'maxmemory 256mb',
    'maxmemory-clients 64mb',
    'maxmemory-policy noeviction',
    'save ""',
    'appendonly yes',
    // A crash of the machine loses at most a second of queue entries. The outbox in Postgres still has them.
    'appendfsync everysec',
  ],
};

/** The same settings as in infra/redis/cluster.conf, whose comments give the reasons. */
const nodeSettings = [
  'cluster-enabled yes',
  'cluster-config-file nodes.conf',
  'cluster-node-timeout 2000',
  'cluster-require-full-coverage no',
  'cluster-replica-validity-factor 0',
  'repl-diskless-sync-delay 0',
  // Three masters together have what the single server has.
  'maxmemory 86mb',
];

export function redisUrl(port: number, user: string, password: string): string {
  return `redis://${user}:${password}@${host}:${port}`;
}

/** Writes the server's configuration. @returns how to start the server */
export async function prepareRedis({
  server,
  name,
  program,
  folder,
  port,
  busPort,
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
    // Keep the path of this file in the command line. By it a later start recognises the process as ours.
    'set-proc-title no',
    ...settings[server],
    ...(busPort === undefined
      ? []
      : [
          ...nodeSettings,
          `cluster-port ${busPort}`,
          `masteruser ${operator}`,
          `masterauth ${passwords[operator]}`,
        ]),
    '',
  ];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(aclPath, aclFile(server, passwords), { mode: 0o600 });
  await writeFile(configFile, lines.join('\n'), { mode: 0o600 });
  return {
    name,
    file: program,
    args: [configFile],
    env: process.env,
    cwd: folder,
    marker: configFile,
    stopSignal: 'SIGTERM',
    stopPatience_ms: 3_000,
    startPatience_ms: 60_000,
    ready: ({ sawLine }) => sawLine(/Ready to accept connections/),
    // Redis prints advice on kernel settings as a warning at each start. A developer's machine needs none of it.
    surface: (line) => (/ # .*(error|fatal|can't|failed)/i.test(line) ? line : undefined),
  };
}
