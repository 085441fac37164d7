import { createPool, createServicePool, insertProduct, type ServicePool } from '@catalog/database';
import { productCreateSchema, type Product } from '@catalog/contracts';
import { ProductViews, RateLimiter } from '@catalog/redis';
import { startPart } from '@catalog/runtime';
import {
  authenticate,
  type Clock,
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
  tcpProxy,
  type TcpProxy,
  type TestTokens,
} from '@catalog/testing';
import { Redis } from 'ioredis';
import { createApp } from '../app.ts';
import { type CatalogCache, createCatalogCache } from '../cache/catalog-cache.ts';
import { NewestChange } from '../changes/newest-change.ts';
import { createReadMetrics } from '../metrics.ts';
import { ViewCounters } from '../products/view-counters.ts';
import { ChangeApplier } from './change-applier.ts';

/** One process of catalog-read, as `main.ts` puts it together. */
export interface Reader extends AsyncDisposable {
  readonly port: number;
  readonly cache: CatalogCache;
  readonly views: ViewCounters;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** The value of the first metric that begins so, as `/metrics` shows it; 0 where there is none. */
  metric(begin: string): Promise<number>;
  /** Sound and fresh, as it is within a heartbeat of the start. */
  ready(): Promise<void>;
}

export interface Stores extends AsyncDisposable {
  readonly cacheRedis: RedisServer;
  readonly stateRedis: RedisServer;
  /** Between the readers and Postgres. */
  readonly postgres: TcpProxy;
  /** As the superuser, past the proxy. */
  readonly owner: ServicePool;
  readonly tokens: TestTokens;
  readonly applier: ChangeApplier;
  reader(options?: ReaderOptions): Promise<Reader>;
  /** Makes the popular list from what the readers have counted since the last call, as the worker does. */
  rankViews(): Promise<void>;
  /** The views of a product that the reader has counted since the popular list was made; null without any. */
  countedViews(reader: Reader, id: string): Promise<string | null>;
  /** Inserts a product and waits until that is applied, so that the next read may fill the cache. */
  insert(product: Record<string, unknown>): Promise<Product>;
}

export interface ReaderOptions {
  readonly allowAnonymousReads?: boolean;
  readonly bypassesPerSecond?: number;
  readonly loadsPerSecond?: number;
  readonly requestsPerMinute?: number;
  readonly streamsPerCaller?: number;
  /** 1 keeps nothing, so that each read asks Redis. */
  readonly nearCache_bytes?: number;
  /** How long a request waits for the state Redis; as in the service unless set. */
  readonly rateLimiterWait_ms?: number;
  /** Tells how old tokens are, and when to read the keys again. */
  readonly clock?: Clock;
  /** The port of a standby, on 127.0.0.1. */
  readonly standbyPort?: number;
}

/** Real stores, with changes applied as they come. */
export async function startStores({ serverUrl }: { serverUrl?: string } = {}): Promise<Stores> {
  const [database, cacheRedis, stateRedis, tokens] = await Promise.all([
    createTestDatabase({ migrated: true, ...(serverUrl !== undefined && { serverUrl }) }),
    startRedis({ config: { 'maxmemory-policy': 'allkeys-lfu' } }),
    startRedis(),
    createTestTokens(),
  ]);
  const postgres = await tcpProxy({ to: Number(new URL(database.url).port) });
  const owner = createServicePool({ url: database.url, applicationName: 'test', max: 10 });
  const applier = new ChangeApplier(owner, cacheRedis.url);
  await applier.start();
  const readers: Reader[] = [];
  return {
    cacheRedis,
    stateRedis,
    postgres,
    owner,
    tokens,
    applier,
    async reader(options) {
      const url = new URL(database.urlFor('catalog_read'));
      url.port = String(postgres.port);
      const reader = await startReader(url.href, cacheRedis.url, stateRedis.url, tokens, options);
      readers.push(reader);
      return reader;
    },
    async rankViews() {
      const redis = new Redis(stateRedis.url);
      const views = new ProductViews(redis);
      const batch = await views.closeBatch();
      await views.replacePopular(batch?.counts ?? []);
      if (batch !== undefined) await views.deleteBatch(batch.id);
      redis.disconnect();
    },
    async countedViews(reader, id) {
      await reader.views.flush();
      const redis = new Redis(stateRedis.url);
      const views = await redis.zscore('views:open', id);
      redis.disconnect();
      return views;
    },
    async insert(product) {
      const inserted = await insertProduct(owner, productCreateSchema.parse({ ...sample, ...product }));
      await eventually(async () => {
        const { rowCount } = await owner.query('select from catalog.outbox where applied_at is null');
        return rowCount === 0;
      });
      return inserted;
    },
    async [Symbol.asyncDispose]() {
      for (const reader of readers) await reader[Symbol.asyncDispose]();
      await applier.stop();
      await owner.end();
      await postgres.stop();
      await Promise.all([cacheRedis.stop(), stateRedis.stop(), tokens[Symbol.asyncDispose]()]);
      await database[Symbol.asyncDispose]();
    },
  };
}

async function startReader(
  databaseUrl: string,
  cacheRedisUrl: string,
  stateRedisUrl: string,
  tokens: TestTokens,
  {
    allowAnonymousReads = true,
    bypassesPerSecond = 10_000,
    loadsPerSecond = 1_000_000,
    requestsPerMinute = 1_000_000,
    streamsPerCaller = 10,
    nearCache_bytes,
    rateLimiterWait_ms,
    clock,
    standbyPort,
  }: ReaderOptions = {},
): Promise<Reader> {
  const log = createLogger({ service: 'catalog-read', level: 'silent' });
  const metrics = createMetrics({ service: 'catalog-read' });
  const pool = createServicePool({ url: databaseUrl, applicationName: 'catalog-read', max: 12 });
  const readMetrics = createReadMetrics(metrics);
  const { events, onLoad } = readMetrics;
  const ignore = () => undefined;
  const standbyUrl = new URL(databaseUrl);
  standbyUrl.port = String(standbyPort);
  const standby =
    standbyPort === undefined
      ? undefined
      : createPool({ url: standbyUrl.href, applicationName: 'standby', max: 4 });
  const cache = createCatalogCache({
    pool,
    standby,
    cacheRedisUrl,
    incarnationMode: 'full',
    events,
    onLoad,
    onError: ignore,
    ...(nearCache_bytes !== undefined && { nearCache_bytes }),
  });
  readMetrics.observe(cache);
  await cache.start();
  const stateRedis = new Redis(stateRedisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  stateRedis.on('error', ignore);
  const views = new ViewCounters({ redis: stateRedis, onLost: readMetrics.onLostViews, onError: ignore });
  const rateLimiter = new RateLimiter({
    redis: stateRedis,
    name: 'catalog-read',
    limit: requestsPerMinute,
    ...(rateLimiterWait_ms !== undefined && { wait_ms: rateLimiterWait_ms }),
    window_ms: 60_000,
    onError: ignore,
  });
  const changesPool = createServicePool({ url: databaseUrl, applicationName: 'changes', max: 3 });
  const newestChange = new NewestChange(changesPool, ignore);
  const looking = startPart(newestChange);
  const readiness = createReadiness();
  const app = createApp({
    changesPool,
    newestChange,
    streamsPerCaller,
    rateLimiter,
    cache,
    pool,
    views,
    log,
    metrics,
    readiness,
    authenticate: authenticate({
      jwksFile: tokens.jwksFile,
      audience: 'catalog-read',
      ...(clock !== undefined && { clock }),
      anonymousScopes: allowAnonymousReads ? ['catalog:read'] : [],
    }),
    bypassesPerSecond,
    loadsPerSecond,
  });
  const server = await startServer({ app, listen: { port: 0, host: '127.0.0.1' }, log, drainGrace_ms: 0 });
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`http://127.0.0.1:${server.port}${path}`, { headers });
  let disposed: Promise<void> | undefined;
  const dispose = async () => {
    readiness.drain();
    server.server.closeAllConnections();
    await server.drain();
    await looking.stop();
    await changesPool.end();
    stateRedis.disconnect();
    await cache.stop();
    await Promise.all([pool.end(), standby?.end()]);
  };
  return {
    port: server.port,
    cache,
    views,
    get,
    async metric(begin) {
      const line = (await (await get('/metrics')).text()).split('\n').find((text) => text.startsWith(begin));
      return Number(line?.split(' ').at(-1) ?? 0);
    },
    async ready() {
      await eventually(() => {
        const { nearCache, redisIsFresh } = cache.status();
        return nearCache.isSound && redisIsFresh;
      });
    },
    [Symbol.asyncDispose]: () => (disposed ??= dispose()),
  };
}

const sample = {
  sku: 'LAMP-1',
  name: 'Lamp',
  brand: 'Acme',
  category: 'Lighting',
  priceMinor: 1999,
  currency: 'EUR',
  status: 'active',
};
