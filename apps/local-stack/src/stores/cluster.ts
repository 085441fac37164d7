/** The cache of the local stack: one server, or with `CACHE=cluster` a Redis Cluster of three masters and three replicas. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Listener } from '@catalog/contracts';
import { host, type Ports } from '../machine/ports.ts';
import { repositoryRoot } from '../machine/stack-folder.ts';
import { StackProblem } from '../problem.ts';
import { redisUrl } from './redis.ts';

const oneServer = ['cache-redis'] as const satisfies Listener[];
const nodes = [
  'cache-redis-1',
  'cache-redis-2',
  'cache-redis-3',
  'cache-redis-4',
  'cache-redis-5',
  'cache-redis-6',
] as const satisfies Listener[];

export type CacheServers = typeof oneServer | typeof nodes;

/** @throws StackProblem for another value of CACHE */
export function cacheServers({ CACHE }: NodeJS.ProcessEnv): CacheServers {
  if (CACHE === undefined || CACHE === '') return oneServer;
  if (CACHE === 'cluster') return nodes;
  throw new StackProblem(
    `CACHE is "${CACHE}", which is no kind of cache.`,
    'Set it to cluster, or leave it out for one server.',
  );
}

export const isCluster = (servers: CacheServers): servers is typeof nodes => servers.length > 1;

/** The nodes of a cluster speak to each other on this port. */
export const busPort = (port: number): number => port + 10;

export function cacheUrl(servers: CacheServers, ports: Ports, user: string, password: string): string {
  if (!isCluster(servers)) return redisUrl(ports[servers[0]], user, password);
  return clusterUrl(
    servers.map((server) => `${host}:${ports[server]}`),
    user,
    password,
  );
}

export const clusterUrl = (addresses: readonly string[], user: string, password: string): string =>
  `redis+cluster://${user}:${password}@${addresses.join(',')}`;

interface ClusterOptions {
  readonly ports: Ports;
  /** `redis-server` or `valkey-server`. Its command line client is beside it. */
  readonly program: string;
  /** Of the operator. */
  readonly password: string;
}

const script = join(repositoryRoot, 'infra/redis/create-cluster.sh');
const created_ms = 60_000;

/**
 * Makes a cluster of the nodes, unless they are one already.
 *
 * @throws StackProblem
 */
export async function createCluster({ ports, program, password }: ClusterOptions): Promise<void> {
  const addresses = nodes.map((node) => `${host}:${ports[node]}@${busPort(ports[node])}`);
  const env = {
    ...process.env,
    REDIS_CLI: program.replace(/-server$/, '-cli'),
    REDISCLI_AUTH: password,
  };
  try {
    await promisify(execFile)('sh', [script, ...addresses], { env, timeout: created_ms });
  } catch (cause) {
    const { stdout = '', stderr = '' } = cause as { stdout?: string; stderr?: string };
    throw new StackProblem(
      'The nodes of the cache do not become a cluster.',
      `${[stdout.trim(), stderr.trim()].filter(Boolean).join('\n')}\nDelete the local data and start again: npm run reset`,
      { cause },
    );
  }
}
