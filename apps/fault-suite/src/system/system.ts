/**
 * The system under test: the real stack, with more readers, workers and writers beside its own. The second reader is behind
 * proxies. The control has plain cache-aside readers.
 */
import { createPool, createServicePool, type Pool } from '@catalog/database';
import { pause } from '@catalog/runtime';
import {
  startLocalStack,
  stackPlace,
  tcpProxy,
  type LocalStack,
  type StackProcess,
  type TcpProxy,
} from '@catalog/testing';
import { Redis } from 'ioredis';
import { type CacheServers, oneServer } from './cache/cache-servers.ts';
import { clusterServers, startCluster } from './cache/cluster-servers.ts';
import type { Fleet } from '../upgrade/fleet.ts';
import { type PostgresPair, startPostgresPair } from './postgres-pair.ts';
import { type Services, startPlainServices, startServices } from './services.ts';

export type ChangeSource = 'outbox' | 'slot';

export interface SystemOptions {
  /** Plain cache-aside readers: the control. */
  readonly plain?: boolean;
  /** The stack uses a Postgres of its own that a failover can replace. */
  readonly replicated?: boolean;
  /** The cache is a Redis Cluster. */
  readonly cluster?: boolean;
  /** The outbox unless given. */
  readonly changeSource?: ChangeSource;
  /** Starts the services. The stack then has only the stores. */
  readonly startFleet?: (stack: LocalStack) => Promise<Fleet>;
}

export interface System extends Services, AsyncDisposable {
  readonly stack: LocalStack;
  /** Of a replicated system. */
  readonly pair: PostgresPair | undefined;
  /** Of a system whose services another release can replace. */
  readonly fleet: Fleet | undefined;
  /** True for the control. */
  readonly plain: boolean;
  /** Connections of the superuser. */
  readonly sql: Pool;
  /** Call it after Postgres has gone back. Otherwise the pool would cut its older sessions at any later moment, even in a query. */
  renewSessions(): Promise<void>;
  readonly cache: CacheServers;
  /** The operator's connection to the state Redis. It reconnects by itself. */
  readonly state: Redis;
  /** Between the second reader and its stores. */
  readonly proxies: {
    readonly cache: Pick<TcpProxy, 'delay' | 'passThrough'>;
    readonly postgres: TcpProxy;
  };
  /** By process: how often it was killed with SIGKILL. */
  readonly kills: ReadonlyMap<string, number>;
  countKill(process: StackProcess): void;
  kill(process: StackProcess, signal: NodeJS.Signals): Promise<void>;
  /** Pauses the process of the stack with SIGSTOP for this time. */
  hang(process: StackProcess, time_ms: number): Promise<void>;
  /** Kills the process of the stack, and resolves when it is ready again. */
  killAndAwait(process: StackProcess, signal?: NodeJS.Signals): Promise<void>;
  /** The control's writer deletes the key after its commit. In the real system it does nothing. */
  afterWrite(id: string): Promise<void>;
}

export async function startSystem({
  plain = false,
  replicated = false,
  cluster: onCluster = false,
  changeSource = 'outbox',
  startFleet,
}: SystemOptions): Promise<System> {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await stackPlace());
  const pair = replicated ? resources.use(await startPostgresPair()) : undefined;
  const cluster = onCluster ? resources.use(await startCluster()) : undefined;
  const stack = resources.use(
    await startLocalStack(place, {
      command: startFleet === undefined ? 'start' : 'stores',
      env: {
        CHANGE_SOURCE: changeSource,
        ...(pair !== undefined && { DATABASE_URL: pair.url }),
        ...(cluster !== undefined && { CACHE_REDIS_URL: cluster.url }),
      },
    }),
  );
  const fleet = startFleet === undefined ? undefined : resources.use(await startFleet(stack));
  /** The servers of a pair do not have the roles of the stack. */
  const databaseUrl = async (login?: string) => pair?.url ?? stack.databaseUrl(login);
  const sqlOptions = {
    url: await databaseUrl(),
    applicationName: 'fault suite',
    max: 10,
    statementTimeout_ms: 60_000,
    lockTimeout_ms: 20_000,
    // Rows keep transactions open for as long as a fault takes.
    idleInTransactionTimeout_ms: 0,
  };
  // Like those of a service, its sessions begin the incarnation before they write.
  const servicePool = pair === undefined ? undefined : createServicePool(sqlOptions);
  const sql: Pool = servicePool ?? createPool(sqlOptions);
  resources.defer(() => sql.end());
  // The connection limits of the roles are meant for one process of each service, and the suite runs several.
  if (pair === undefined)
    for (const role of ['catalog_read', 'catalog_write', 'invalidation_worker'])
      await sql.query(`alter role ${role} connection limit -1`);
  const operator = async (server: 'cache' | 'state'): Promise<Redis> => {
    const redis = new Redis(await stack.redisUrl(server), {
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    redis.on('error', () => {});
    resources.defer(() => redis.disconnect());
    return redis;
  };
  const kills = new Map<string, number>();
  const countKill = (name: StackProcess): void => void kills.set(name, (kills.get(name) ?? 0) + 1);
  const kill = async (name: StackProcess, signal: NodeJS.Signals): Promise<void> => {
    const pid = (await stack.pids())[name];
    if (pid === undefined) throw new Error(`${name} does not run.`);
    process.kill(pid, signal);
    if (signal === 'SIGKILL') countKill(name);
  };
  const control: Pick<System, 'countKill' | 'kill' | 'hang' | 'killAndAwait'> = {
    countKill,
    kill,
    async hang(name, time_ms) {
      await kill(name, 'SIGSTOP');
      await pause(time_ms);
      await kill(name, 'SIGCONT');
    },
    async killAndAwait(name, signal = 'SIGKILL') {
      const from = stack.said.length;
      await kill(name, signal);
      await stack.hears(new RegExp(`${name} is back`), from);
    },
  };
  const cache =
    cluster === undefined
      ? oneServer(stack, await operator('cache'), control)
      : clusterServers(cluster, () => countKill('cache-redis'));
  const user = plain ? 'operator' : 'catalog-read';
  const doors = resources.use(await cache.behind(user, (to) => tcpProxy({ to })));
  const postgres = resources.use(await tcpProxy({ to: pair?.address.port ?? stack.port('postgres') }));
  const surroundings = { stack, databaseUrl, changeSource, behind: { cacheUrl: doors.url, postgres }, kill };
  const services: Services =
    fleet ?? (await (plain ? startPlainServices : startServices)(surroundings, resources));
  const state = await operator('state');
  const owned = resources.move();
  return {
    stack,
    plain,
    pair,
    fleet,
    sql,
    async renewSessions() {
      if (servicePool !== undefined) await servicePool.currentIncarnation();
    },
    cache,
    state,
    get readers() {
      return services.readers;
    },
    get workers() {
      return services.workers;
    },
    get writers() {
      return services.writers;
    },
    proxies: {
      cache: {
        delay: (time_ms) => doors.proxies.forEach((proxy) => proxy.delay(time_ms)),
        passThrough: () => doors.proxies.forEach((proxy) => proxy.passThrough()),
      },
      postgres,
    },
    kills,
    ...control,
    async afterWrite(id) {
      const key = `plain:${id}`;
      if (plain) await (await cache.of(key)).del(key);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
