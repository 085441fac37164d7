/** What a person can break in a stack on their own machine, to see what the system does then. */
import { repeat } from '@catalog/runtime';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { Listener } from '@catalog/contracts';
import type { SupervisedProcess } from '../processes/supervised-process.ts';

/** Breaks something. @returns what puts it back; undefined if there is nothing to put back */
export type Fault = () => Promise<(() => Promise<void>) | undefined>;

export interface Breakable {
  /** A running child of the stack; undefined if a real server takes its place. */
  readonly process: (name: Listener) => SupervisedProcess | undefined;
  /** The database `postgres` of the server, as its superuser. */
  readonly databaseUrl: string;
  /** The cache Redis, as its operator. */
  readonly cacheRedisUrl: string;
}

/** By name. The console has a sentence for each. */
export function faultsOf(parts: Breakable): Readonly<Record<string, Fault>> {
  const faults: Record<string, Fault> = {};
  const worker = parts.process('invalidation-worker');
  const cache = parts.process('cache-redis');
  if (worker !== undefined) faults['pause-worker'] = () => freeze(worker);
  if (cache !== undefined) {
    faults['wipe-cache'] = () => wipe(parts.cacheRedisUrl);
    faults['freeze-cache'] = () => freeze(cache);
    faults['stop-cache'] = async () => cache.holdDown();
  }
  if (parts.process('postgres') !== undefined) {
    faults['cut-listener'] = () => cutListener(parts.databaseUrl);
    faults['cut-postgres'] = () => cutPostgres(parts.databaseUrl);
  }
  return faults;
}

async function freeze(frozen: SupervisedProcess): Promise<() => Promise<void>> {
  frozen.signal('SIGSTOP');
  return async () => frozen.signal('SIGCONT');
}

async function wipe(url: string): Promise<undefined> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  try {
    await redis.connect();
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
}

/** The listener connects again within a second, so it is cut all the time. */
async function cutListener(url: string): Promise<() => Promise<void>> {
  const over = new AbortController();
  const client = await connected(url);
  const cutting = repeat(
    async () => {
      await client.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'doorbell'",
      );
    },
    { signal: over.signal, every_ms: 100, onError: () => undefined },
  );
  return async () => {
    over.abort();
    await cutting;
    await client.end();
  };
}

async function cutPostgres(url: string): Promise<() => Promise<void>> {
  await allowSessions(url, false);
  return () => allowSessions(url, true);
}

async function allowSessions(url: string, isAllowed: boolean): Promise<void> {
  const client = await connected(url);
  try {
    if (isAllowed) await client.query('alter database catalog allow_connections true');
    else {
      await client.query('alter database catalog allow_connections false');
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'catalog'");
    }
  } finally {
    await client.end();
  }
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 3_000 });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
