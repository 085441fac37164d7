/**
 * Where each service finds its stores: the stack's own, each with the service's own login, or the real
 * servers that the environment names.
 */
import type { Secrets } from '../access/secrets.ts';
import type { Ports } from '../machine/ports.ts';
import { databaseUrl } from '../stores/postgres.ts';
import { redisUrl } from '../stores/redis.ts';
import type { ServiceEntry } from './service-table.ts';

/** URLs of real servers; where one is set, the stack starts none of its own. */
export interface ExternalStores {
  readonly database: string | undefined;
  readonly databaseDirect: string | undefined;
  readonly cacheRedis: string | undefined;
  readonly stateRedis: string | undefined;
}

export function externalStores(env: NodeJS.ProcessEnv): ExternalStores {
  const set = (name: string) => env[name] || undefined;
  return {
    database: set('DATABASE_URL'),
    databaseDirect: set('DATABASE_DIRECT_URL'),
    cacheRedis: set('CACHE_REDIS_URL'),
    stateRedis: set('STATE_REDIS_URL'),
  };
}

export function serviceEnv(
  service: ServiceEntry,
  {
    ports,
    secrets,
    external,
    publicKeysFile,
  }: { ports: Ports; secrets: Secrets; external: ExternalStores; publicKeysFile: string },
): Record<string, string> {
  const own = databaseUrl(ports.postgres, service.databaseRole, secrets.postgres[service.databaseRole] ?? '');
  const redisPassword = secrets.redis[service.name] ?? '';
  const database = external.database ?? own;
  return {
    ...service.env,
    DATABASE_URL: database,
    DATABASE_DIRECT_URL: external.databaseDirect ?? database,
    ...(service.usesCacheRedis && {
      CACHE_REDIS_URL: external.cacheRedis ?? redisUrl(ports['cache-redis'], service.name, redisPassword),
    }),
    ...(service.usesStateRedis && {
      STATE_REDIS_URL: external.stateRedis ?? redisUrl(ports['state-redis'], service.name, redisPassword),
    }),
    SERVICE_JWKS_FILE: publicKeysFile,
  };
}
