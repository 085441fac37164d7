import { type Cache, createCache } from '@catalog/cache';
import {
  CacheConnection,
  EntryStore,
  fillShard,
  type InvalidatedKey,
  KeyRefresher,
  onlyShard,
  loadPayloads,
  type PayloadLoader,
} from '@catalog/cache/worker';
import { type ChangeSource, outboxPoolOptions } from '@catalog/change-feed';
import { entities, type Entity, parseCacheKey } from '@catalog/contracts';
import { createServicePool, entityLoaders, type ServicePool } from '@catalog/database';
import { startPart } from '@catalog/runtime';
import {
  authenticate,
  createLogger,
  createMetrics,
  readiness as createReadiness,
  startServer,
} from '@catalog/service-kit';
import {
  createTestDatabase,
  createTestTokens,
  eventually,
  type RedisServer,
  startRedis,
  type TestDatabase,
  type TestTokens,
} from '@catalog/testing';
import { createApp, serviceName } from '../app.ts';
import { createWorkerMetrics } from '../metrics.ts';
import { createInvalidationWorker, type InvalidationWorker } from '../worker.ts';

export interface Stores extends AsyncDisposable {
  readonly database: TestDatabase;
  /** As the superuser, like a person in psql. */
  readonly owner: ServicePool;
  readonly cacheRedis: RedisServer;
  readonly stateRedis: RedisServer;
  readonly tokens: TestTokens;
  /** A reader without a service. */
  readonly reader: Reader;
  insertProducts(count: number): Promise<string[]>;
  /** Changes that wait in the outbox. */
  unapplied(): Promise<number>;
  /** @returns whether every change that was committed before the call is applied, from either source */
  milestone(): Promise<() => Promise<boolean>>;
  /** Waits until every committed change is applied and acknowledged. */
  settled(timeout_ms?: number): Promise<void>;
}

export interface Reader {
  readonly connection: CacheConnection;
  readonly store: EntryStore;
  readonly cache: Cache;
  readonly heard: InvalidatedKey[];
  /** Fills the key from Postgres, as a reader does after a miss. Returns the version. */
  fill(cacheKey: string): Promise<number>;
  /** State and version as a reader would serve them. */
  state(cacheKey: string): Promise<{ state: string; version: number | undefined }>;
}

let serial = 0;

export async function startStores(options: { stateConfig?: Record<string, string> } = {}): Promise<Stores> {
  const [database, cacheRedis, stateRedis, tokens] = await Promise.all([
    createTestDatabase({ migrated: true }),
    startRedis({ config: { 'maxmemory-policy': 'allkeys-lfu' } }),
    startRedis({ config: { appendonly: 'yes', 'maxmemory-policy': 'noeviction', ...options.stateConfig } }),
    createTestTokens(),
  ]);
  const owner = createServicePool({
    url: database.url,
    applicationName: 'test',
    statementTimeout_ms: 60_000,
  });
  await owner.query('delete from catalog.outbox');
  const { reader, stop } = await startReader(owner, cacheRedis.url);
  const unapplied = async () => {
    const { rows } = await owner.query<{ count: number }>(
      'select count(*) from catalog.outbox where applied_at is null',
    );
    return rows[0]?.count ?? 0;
  };
  const milestone = async () => {
    const { rows } = await owner.query<{ milestone: number }>(
      'select catalog.write_milestone() as milestone from catalog.change_slot where in_use',
    );
    const notLanded = "select from catalog.change_slot where in_use and landed < '0/0'::pg_lsn + $1::numeric";
    return async () =>
      (await owner.query(notLanded, [rows[0]?.milestone ?? 0])).rowCount === 0 && (await unapplied()) === 0;
  };
  return {
    database,
    owner,
    cacheRedis,
    stateRedis,
    tokens,
    reader,
    unapplied,
    milestone,
    async insertProducts(count) {
      serial += 1;
      const { rows } = await owner.query<{ id: string }>(
        `insert into catalog.products (sku, name, brand, category, price_minor, currency)
         select 'S' || $2::text || '-' || n, 'Lamp', 'Acme', 'Lighting', 100, 'EUR' from generate_series(1, $1) n
         returning id`,
        [count, serial],
      );
      return rows.map(({ id }) => id);
    },
    async settled(timeout_ms = 10_000) {
      await eventually(await milestone(), { timeout_ms });
    },
    async [Symbol.asyncDispose]() {
      await stop();
      await owner.end();
      await Promise.all([cacheRedis.stop(), stateRedis.stop(), tokens[Symbol.asyncDispose]()]);
      await database[Symbol.asyncDispose]();
    },
  };
}

async function startReader(
  pool: ServicePool,
  url: string,
): Promise<{ reader: Reader; stop: () => Promise<void> }> {
  const options = {
    url,
    name: 'reader',
    database: pool,
    onError: () => undefined,
  };
  const connection = new CacheConnection(options);
  const store = new EntryStore(connection);
  const heard: InvalidatedKey[] = [];
  const cache = createCache({
    ...options,
    onInvalidation: (cacheKey, version) => heard.push([cacheKey, version]),
  });
  await Promise.all([connection.start(), cache.start()]);
  const loaders = entityLoaders(pool);
  const loads = new Map(
    entities.map(({ name }): [string, PayloadLoader] => [name, loadPayloads(loaders[name])]),
  );
  const refresher = new KeyRefresher({
    shards: onlyShard(fillShard(connection)),
    entities,
    loads,
    onCacheFailed: () => undefined,
  });
  const reader: Reader = {
    connection,
    cache,
    store,
    heard,
    async fill(cacheKey) {
      const parsed = parseCacheKey(cacheKey);
      if (parsed === undefined) throw new Error(`${cacheKey} is no key of an entity`);
      await refresher.refresh(parsed.entity.name, parsed.key);
      return (await store.inspect(cacheKey)).version ?? 0;
    },
    async state(cacheKey) {
      const { state, version } = await store.inspect(cacheKey);
      return { state, version };
    },
  };
  const stop = async () => {
    await cache.stop();
    connection.stop();
  };
  return { reader, stop };
}

const forever_s = 10 * 365 * 86_400;

export interface RunningWorker extends AsyncDisposable {
  readonly worker: InvalidationWorker;
  /** Settles when the worker itself has ended. */
  readonly ended: Promise<void>;
  readonly url: string;
  /** The log, one JSON object a line. */
  readonly log: () => string;
  /** With a token for operators, unless `token` is given; null sends none. */
  call(method: string, path: string, options?: CallOptions): Promise<Response>;
  metric(begin: string): Promise<number>;
  ready(): Promise<void>;
  /** What SIGTERM does first, before the worker itself stops. */
  drain(): Promise<void>;
}

export interface CallOptions {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly signal?: AbortSignal;
}

export interface WorkerOptions {
  readonly auditKeysPerSecond?: number;
  readonly databaseUrl?: string;
  readonly cacheRedisUrl?: string;
  readonly entities?: readonly Entity[];
  readonly changeSource?: ChangeSource;
}

/** A worker as `main.ts` builds it, with the database role of the service. */
export async function startWorker(stores: Stores, options: WorkerOptions = {}): Promise<RunningWorker> {
  let logged = '';
  const destination = { write: (line: string) => void (logged = (logged + line).slice(-200_000)) };
  const log = createLogger({ service: serviceName, destination });
  const metrics = createMetrics({ service: serviceName });
  const readiness = createReadiness();
  const url = options.databaseUrl ?? stores.database.urlFor('invalidation_worker');
  const pool = createServicePool({ url, applicationName: serviceName, max: 10, synchronousCommit: 'off' });
  const outboxPool = createServicePool({ ...outboxPoolOptions, url, applicationName: serviceName });
  const worker = createInvalidationWorker({
    pool,
    outboxPool,
    databaseDirectUrl: url,
    cacheRedisUrl: options.cacheRedisUrl ?? stores.cacheRedis.url,
    stateRedisUrl: stores.stateRedis.url,
    log,
    metrics: createWorkerMetrics(metrics),
    readiness,
    auditKeysPerSecond: options.auditKeysPerSecond ?? 1,
    ages: {
      tombstones_s: forever_s,
      idempotencyKeys_s: forever_s,
      imports_s: forever_s,
      actions_s: forever_s,
    },
    historyAge_s: forever_s,
    changesAge_s: forever_s,
    changeSource: options.changeSource,
    ...(options.entities !== undefined && { entities: options.entities }),
  });
  const app = createApp({
    worker,
    authenticate: authenticate({ jwksFile: stores.tokens.jwksFile, audience: serviceName }),
    log,
    metrics,
    readiness,
  });
  const running = startPart(worker);
  const server = await startServer({ app, listen: { port: 0, host: '127.0.0.1' }, log, drainGrace_ms: 0 });
  const base = `http://127.0.0.1:${server.port}`;
  const stop = async () => {
    await running.stop().catch(() => undefined);
    server.server.closeAllConnections();
    await server.drain();
    await Promise.all([pool.end(), outboxPool.end()]);
  };
  return {
    worker,
    ended: running.ended,
    url: base,
    log: () => logged,
    call(method, path, { body, token, signal } = {}) {
      const bearer =
        token === undefined ? stores.tokens.sign({ aud: serviceName, scope: 'catalog:operate' }) : token;
      return fetch(`${base}${path}`, {
        method,
        ...(signal !== undefined && { signal }),
        headers: {
          ...(bearer !== null && { Authorization: `Bearer ${bearer}` }),
          ...(body !== undefined && { 'Content-Type': 'application/json' }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
    },
    async metric(begin) {
      const text = await (await fetch(`${base}/metrics`)).text();
      return Number(
        text
          .split('\n')
          .find((line) => line.startsWith(begin))
          ?.split(' ')
          .at(-1) ?? 0,
      );
    },
    async ready() {
      await eventually(async () => (await fetch(`${base}/readyz`)).status === 200, { timeout_ms: 10_000 });
    },
    drain: () => server.drain(),
    [Symbol.asyncDispose]: stop,
  };
}
