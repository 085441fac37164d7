/**
 * Where each service finds its stores: the stack's own, each with the service's own login, or the real
 * servers that the environment names.
 */
import type { Secrets } from '../access/secrets.ts';
import { host, type Listener, type Ports } from '../machine/ports.ts';
import type { StackFolder } from '../machine/stack-folder.ts';
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
    folder,
  }: {
    ports: Ports;
    secrets: Secrets;
    external: ExternalStores;
    folder: Pick<StackFolder, 'publicKeysFile' | 'serviceKeyFile'>;
  },
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
    SERVICE_JWKS_FILE: folder.publicKeysFile,
    ...(service.calls !== undefined && { SERVICE_KEY_FILE: folder.serviceKeyFile(service.name) }),
    ...Object.fromEntries(
      (service.calls ?? []).map((name) => [urlVariable(name), `http://${host}:${ports[name]}`]),
    ),
    ...Object.fromEntries(
      Object.entries(service.words ?? {}).map(([variable, word]) => [variable, secrets.words[word] ?? '']),
    ),
  };
}

const urlVariable = (name: Listener): string => `${name.toUpperCase().replaceAll('-', '_')}_URL`;
