import { createPool, createServicePool, type Pool } from '@catalog/database';
import { connectStateRedis, RateLimiter } from '@catalog/redis';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness,
  startServer,
  systemClock,
} from '@catalog/service-kit';
import {
  createTestDatabase,
  createTestTokens,
  eventually,
  startRedis,
  type RedisServer,
  type TestDatabase,
} from '@catalog/testing';
import { Redis } from 'ioredis';
import { createApp, serviceName } from '../app.ts';
import { importPoolOptions } from '../imports/limits.ts';

export interface RunningService extends AsyncDisposable {
  readonly port: number;
  readonly database: TestDatabase;
  /** Connects as the superuser, to read what is really stored. */
  readonly owner: Pool;
  readonly jwksFile: string;
  readonly stateRedis: RedisServer;
  /** A connection to the state Redis, which is not the one of the service. */
  readonly redis: Redis;
  /** What the service has logged as a warning or worse. A test may empty it. */
  readonly warnings: string[];
  token(claims?: Record<string, unknown>): string;
  /** Sends a valid token, and an object in `body` as JSON. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  /** Everything that a refused request must not change. */
  state(): Promise<unknown>;
  /** Opens a transaction of another client and runs the statement in it. Disposing rolls back what is not committed. */
  otherTransaction(
    statement: string,
    values?: readonly unknown[],
  ): Promise<AsyncDisposable & { commit(): Promise<void> }>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly raw?: RequestInit['body'];
  readonly type?: string;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** The service on a free port, with its own database and state Redis. It connects with its own role. */
export async function runningService(
  options: {
    databaseUrl?: (url: string) => string | Promise<string>;
    serverUrl?: string;
    turnWait_ms?: number;
    requestsPerMinute?: number;
  } = {},
): Promise<RunningService> {
  const database = await createTestDatabase({
    migrated: true,
    ...(options.serverUrl !== undefined && { serverUrl: options.serverUrl }),
  });
  const direct = database.urlFor('catalog_write');
  const url = (await options.databaseUrl?.(direct)) ?? direct;
  const tokens = await createTestTokens();
  const warnings: string[] = [];
  const log = createLogger({
    service: serviceName,
    level: 'warn',
    destination: { write: (line) => void warnings.push(line) },
  });
  const redisServer = await startRedis();
  const stateRedis = connectStateRedis({ url: redisServer.url, name: serviceName, onError: () => {} });
  await eventually(() => stateRedis.status === 'ready');
  const redis = new Redis(redisServer.url);
  // Some tests kill Redis. Without a listener, ioredis would print each connection error.
  redis.on('error', () => {});
  const pool = createServicePool({ url, applicationName: serviceName, max: 25 });
  const importPool = createServicePool({
    ...importPoolOptions,
    url,
    applicationName: `${serviceName} import`,
  });
  const owner = createPool({ url: database.url, applicationName: 'test' });
  const app = createApp({
    pool,
    importPool,
    stateRedis,
    ...(options.turnWait_ms !== undefined && { turnWait_ms: options.turnWait_ms }),
    authenticate: authenticate({ jwksFile: tokens.jwksFile, audience: serviceName }),
    rateLimiter: new RateLimiter({
      redis: stateRedis,
      name: serviceName,
      limit: options.requestsPerMinute ?? 1_000_000,
      window_ms: 60_000,
      onError: () => undefined,
    }),
    clock: systemClock,
    log,
    metrics: createMetrics({ service: serviceName }),
    readiness: readiness(),
  });
  const server = await startServer({
    app,
    listen: { port: 0, host: '127.0.0.1' },
    log,
    drainGrace_ms: 0,
    requestTimeout_ms: 0,
  });

  const token = (claims: Record<string, unknown> = {}) =>
    tokens.sign({ aud: serviceName, scope: 'catalog:write', ...claims });

  return {
    port: server.port,
    database,
    owner,
    jwksFile: tokens.jwksFile,
    stateRedis: redisServer,
    redis,
    warnings,
    token,
    async call(method, path, { body, raw, type, headers, signal } = {}) {
      return fetch(`http://127.0.0.1:${server.port}${path}`, {
        method,
        headers: {
          Authorization: `Bearer ${token()}`,
          ...((body !== undefined || type !== undefined) && { 'Content-Type': type ?? 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        ...(raw !== undefined && { body: raw, duplex: 'half' }),
        ...(signal !== undefined && { signal }),
      });
    },
    async state() {
      const { rows } = await owner.query(`
        select (select json_agg(p order by p.id) from catalog.products p) as products,
          (select json_agg(s) from catalog.settings s) as settings,
          (select json_agg(t order by t.key) from catalog.tombstones t) as tombstones,
          (select count(*) from catalog.outbox) as outbox,
          (select count(*) from catalog.idempotency_keys) as keys`);
      return rows[0] as unknown;
    },
    async otherTransaction(statement, values = []) {
      const client = await owner.connect();
      await client.query('begin');
      await client.query(statement, [...values]);
      return {
        async commit() {
          await client.query('commit');
        },
        async [Symbol.asyncDispose]() {
          await client.query('rollback');
          client.release();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      server.server.closeAllConnections();
      await server.drain();
      stateRedis.disconnect();
      redis.disconnect();
      await Promise.all([pool.end(), importPool.end(), owner.end(), redisServer.stop()]);
      await database[Symbol.asyncDispose]();
      await tokens[Symbol.asyncDispose]();
    },
  };
}

export const validProduct = {
  sku: 'LAMP-1',
  name: 'Lamp',
  brand: 'Acme',
  category: 'Lighting',
  priceMinor: 1999,
  currency: 'EUR',
};
