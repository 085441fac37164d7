/** The system under test: the real stack with a second reader behind proxies. The control has plain cache-aside readers. */
import { createPool, createServicePool, type Pool } from '@catalog/database';
import { pause } from '@catalog/runtime';
import {
  startLocalStack,
  stackPlace,
  startReader,
  startScript,
  tcpProxy,
  type LocalStack,
  type StackProcess,
  type TcpProxy,
} from '@catalog/testing';
import { Redis } from 'ioredis';
import { type PostgresPair, startPostgresPair } from './postgres-pair.ts';

export interface System extends AsyncDisposable {
  readonly stack: LocalStack;
  /** Of a replicated system. */
  readonly pair: PostgresPair | undefined;
  /** True for the control. */
  readonly plain: boolean;
  /** Connections of the superuser. */
  readonly sql: Pool;
  /** After Postgres has gone back: otherwise the pool would cut its older sessions at any later moment, perhaps in a query. */
  renewSessions(): Promise<void>;
  /** Connections of the operator. They reconnect by themselves. */
  readonly cache: Redis;
  readonly state: Redis;
  readonly readers: readonly { readonly name: string; readonly url: string }[];
  /** Between the second reader and its stores. */
  readonly proxies: { readonly cache: TcpProxy; readonly postgres: TcpProxy };
  /** By process: how often it was killed with SIGKILL. */
  readonly kills: ReadonlyMap<string, number>;
  countKill(process: StackProcess): void;
  kill(process: StackProcess, signal: NodeJS.Signals): Promise<void>;
  /** Pauses the process with SIGSTOP for this time. */
  hang(process: StackProcess, time_ms: number): Promise<void>;
  /** Kills the process, and resolves when it is ready again. */
  killAndAwait(process: StackProcess, signal?: NodeJS.Signals): Promise<void>;
  /** The control's writer deletes the key after its commit. In the real system it does nothing. */
  afterWrite(id: string): Promise<void>;
}

export type ChangeSource = 'outbox' | 'slot';

/** `replicated`: the stack uses a Postgres of its own that a failover can replace. */
export async function startSystem(
  plain: boolean,
  {
    replicated = false,
    changeSource = 'outbox',
  }: { readonly replicated?: boolean; readonly changeSource?: ChangeSource } = {},
): Promise<System> {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await stackPlace());
  const pair = replicated ? resources.use(await startPostgresPair()) : undefined;
  const stack = resources.use(
    await startLocalStack(place, {
      env: { CHANGE_SOURCE: changeSource, ...(pair !== undefined && { DATABASE_URL: pair.url }) },
    }),
  );
  /** Real servers know no roles of the stack. */
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
  const operator = async (server: 'cache' | 'state'): Promise<Redis> => {
    const redis = new Redis(await stack.redisUrl(server), {
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
    });
    redis.on('error', () => {});
    resources.defer(() => redis.disconnect());
    return redis;
  };
  const [cache, state] = [await operator('cache'), await operator('state')];
  const proxies = {
    cache: resources.use(await tcpProxy({ to: stack.port('cache-redis') })),
    postgres: resources.use(await tcpProxy({ to: pair?.address.port ?? stack.port('postgres') })),
  };
  const kills = new Map<string, number>();
  const countKill = (name: StackProcess): void => void kills.set(name, (kills.get(name) ?? 0) + 1);
  const kill = async (name: StackProcess, signal: NodeJS.Signals): Promise<void> => {
    const pid = (await stack.pids())[name];
    if (pid === undefined) throw new Error(`${name} does not run.`);
    process.kill(pid, signal);
    if (signal === 'SIGKILL') countKill(name);
  };
  const readers = plain ? await plainReaders() : await realReaders();
  const owned = resources.move();
  return {
    stack,
    plain,
    pair,
    sql,
    async renewSessions() {
      if (servicePool !== undefined) await servicePool.currentIncarnation();
    },
    cache,
    state,
    readers,
    proxies,
    kills,
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
    async afterWrite(id) {
      if (plain) await cache.del(`plain:${id}`);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };

  async function realReaders(): Promise<System['readers']> {
    const second = resources.use(
      await startReader(stack, {
        env: {
          CACHE_REDIS_URL: withPort(await stack.redisUrl('cache', 'catalog-read'), proxies.cache.port),
          DATABASE_URL: withPort(await databaseUrl('catalog_read'), proxies.postgres.port),
        },
      }),
    );
    return [
      { name: 'reader 1', url: stack.url('catalog-read') },
      { name: 'reader 2', url: second.url },
    ];
  }

  async function plainReaders(): Promise<System['readers']> {
    const plainUrl = await databaseUrl('catalog_read');
    const cacheUrl = await stack.redisUrl('cache');
    const start = async (env: NodeJS.ProcessEnv) =>
      resources.use(
        await startScript({
          script: 'apps/fault-suite/src/main.ts',
          args: ['plain-reader'],
          env,
          port: stack.sparePort(),
        }),
      ).url;
    return [
      { name: 'reader 1', url: await start({ DATABASE_URL: plainUrl, CACHE_REDIS_URL: cacheUrl }) },
      {
        name: 'reader 2',
        url: await start({
          DATABASE_URL: withPort(plainUrl, proxies.postgres.port),
          CACHE_REDIS_URL: withPort(cacheUrl, proxies.cache.port),
        }),
      },
    ];
  }
}

export function withPort(url: string, port: number): string {
  const changed = new URL(url);
  changed.port = String(port);
  return changed.href;
}
