/** How a service is started, where it finds its stores, and how it is known to be ready. */
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import { z } from 'zod';
import type { Secrets } from './access/secrets.ts';
import type { Listener } from '@catalog/contracts';
import { host, type Ports } from './machine/ports.ts';
import { repositoryRoot, type StackFolder } from './machine/stack-folder.ts';
import type { ProcessSpec, StartingChild } from './processes/supervised-process.ts';
import type { ServiceEntry } from './service-table.ts';
import { type CacheServers, cacheUrl } from './stores/cluster.ts';
import { databaseUrl } from './stores/postgres.ts';
import { redisUrl } from './stores/redis.ts';

/** URLs of real servers. Where one is set, the stack starts no server of that kind. */
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

interface ServiceSurroundings {
  readonly ports: Ports;
  readonly secrets: Secrets;
  readonly external: ExternalStores;
  readonly cache: CacheServers;
  readonly folder: Pick<StackFolder, 'publicKeysFile' | 'serviceKeyFile' | 'breakSocket'>;
}

export function serviceProcess(service: ServiceEntry, surroundings: ServiceSurroundings): ProcessSpec {
  const { name } = service;
  const port = surroundings.ports[name];
  const main = join(repositoryRoot, 'apps', name, service.main ?? 'src/main.ts');
  return {
    name,
    file: process.execPath,
    args: [main],
    env: {
      ...service.env,
      ...inherited(),
      ...serviceEnv(service, surroundings),
      PORT: String(port),
      HOST: host,
    },
    cwd: join(main, '../..'),
    marker: main,
    stopSignal: 'SIGTERM',
    // An answer that takes longer is cut off. None of our services takes that long for one answer.
    stopPatience_ms: 5_000,
    startPatience_ms: 60_000,
    ready: (child) => untilReady(`http://${host}:${port}/readyz`, child),
    surface: (line) => describeRecord(line, ({ level }) => errorLevels.includes(level)),
    // A store that refuses a command is only a warning, because a service retries it.
    cause: (line) =>
      describeRecord(line, ({ level, err }) => errorLevels.includes(level) || err !== undefined),
  };
}

const storeVariables = ['DATABASE_URL', 'DATABASE_DIRECT_URL', 'CACHE_REDIS_URL', 'STATE_REDIS_URL'];

/** The stack's own environment without its stores. Each service gets only the stores of its entry. */
function inherited(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !storeVariables.includes(name)));
}

function serviceEnv(
  service: ServiceEntry,
  { ports, secrets, external, cache, folder }: ServiceSurroundings,
): Record<string, string> {
  const { name, databaseRole, usesCacheRedis, usesStateRedis, calls = [], randomSecrets = {} } = service;
  const database =
    external.database ?? databaseUrl(ports.postgres, databaseRole, secrets.postgres[databaseRole] ?? '');
  const password = secrets.redis[name] ?? '';
  const env: Record<string, string> = {
    DATABASE_URL: database,
    DATABASE_DIRECT_URL: external.databaseDirect ?? database,
    SERVICE_JWKS_FILE: folder.publicKeysFile,
  };
  if (usesCacheRedis) env['CACHE_REDIS_URL'] = external.cacheRedis ?? cacheUrl(cache, ports, name, password);
  if (usesStateRedis)
    env['STATE_REDIS_URL'] = external.stateRedis ?? redisUrl(ports['state-redis'], name, password);
  if (service.calls) env['SERVICE_KEY_FILE'] = folder.serviceKeyFile(name);
  if (service.breaksStack === true) env['BREAK_SOCKET'] = folder.breakSocket;
  for (const called of calls) env[urlVariable(called)] = `http://${host}:${ports[called]}`;
  for (const [variable, secret] of Object.entries(randomSecrets))
    env[variable] = secrets.random[secret] ?? '';
  return env;
}

const urlVariable = (name: Listener): string => `${name.toUpperCase().replaceAll('-', '_')}_URL`;

/** Short, because a start waits for it. The services answer at once or not at all. */
const readinessPoll_ms = 50;
/** A service that is not ready by then has a problem. Each further look writes a line into its log. */
const slowStart_ms = 5_000;
const slowReadinessPoll_ms = 1_000;
const readinessSchema = z.object({ checks: z.record(z.string(), z.string()) });

async function untilReady(url: string, { signal, notReady }: StartingChild): Promise<void> {
  const began_ms = performance.now();
  while (!signal.aborted) {
    try {
      const response = await fetch(url, { signal });
      const text = await response.text();
      if (response.status === 200) return;
      notReady(`/readyz: ${failedChecks(text)}`);
    } catch {
      // It does not listen yet.
    }
    const isSlow = performance.now() - began_ms > slowStart_ms;
    await pause(isSlow ? slowReadinessPoll_ms : readinessPoll_ms, signal);
  }
}

function failedChecks(text: string): string {
  try {
    const { checks } = readinessSchema.parse(JSON.parse(text));
    const failed = Object.entries(checks).filter(([, answer]) => answer !== 'ok');
    return failed.map(([name, answer]) => `${name} ${answer}`).join(', ');
  } catch {
    return text.slice(0, 200);
  }
}

const errorLevels = ['error', 'fatal'];
const recordSchema = z.object({
  level: z.string(),
  msg: z.string().default(''),
  err: z.object({ message: z.string() }).optional(),
});

/** The text of a wanted log record, or a line that is no record: with those Node reports a crash. */
function describeRecord(
  line: string,
  isWanted: (record: z.infer<typeof recordSchema>) => boolean,
): string | undefined {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return line.trim() === '' ? undefined : line;
  }
  const { success, data } = recordSchema.safeParse(json);
  if (!success || !isWanted(data)) return undefined;
  return data.err ? `${data.msg}: ${data.err.message}` : data.msg;
}
