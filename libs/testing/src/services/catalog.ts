import { createTestTokens, type TestTokens } from '../auth/test-tokens.ts';
import { createTestDatabase, type TestDatabase } from '../postgres/database.ts';
import { startRedis, type RedisServer } from '../redis/server.ts';
import { startService, type ServiceProcess } from './service-process.ts';

export interface RunningCatalog extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly cacheRedis: RedisServer;
  readonly stateRedis: RedisServer;
  readonly tokens: TestTokens;
  readonly worker: ServiceProcess;
  readonly read: ServiceProcess;
  readonly write: ServiceProcess;
  /** The environment of a service; `role` is its role in Postgres. */
  env(role: string): Record<string, string>;
}

/** Starts the three services of the catalog as processes, with new stores. Needs `testConfig({ postgres: true })`. */
export async function startCatalog(
  options: { readEnv?: Readonly<Record<string, string>> } = {},
): Promise<RunningCatalog> {
  await using started = new AsyncDisposableStack();
  const database = started.use(await createTestDatabase({ migrated: true }));
  const tokens = started.use(await createTestTokens());
  const cacheRedis = started.use(await startRedis());
  const stateRedis = started.use(await startRedis());
  const env = (role: string) => ({
    DATABASE_URL: database.urlFor(role),
    CACHE_REDIS_URL: cacheRedis.url,
    STATE_REDIS_URL: stateRedis.url,
    SERVICE_JWKS_FILE: tokens.jwksFile,
  });
  const worker = started.use(await startService('invalidation-worker', env('invalidation_worker')));
  const [read, write] = await Promise.all([
    startService('catalog-read', { ...env('catalog_read'), ...options.readEnv }),
    startService('catalog-write', env('catalog_write')),
  ]);
  started.use(read);
  started.use(write);
  const stack = started.move();
  return {
    database,
    cacheRedis,
    stateRedis,
    tokens,
    worker,
    read,
    write,
    env,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
