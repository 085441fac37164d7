/** The whole local stack. It starts the stores, migrations, services and demo catalog, and stops services first. */
import { migrate, MigrationError, provisionLogins, slotReaders } from '@catalog/database';
import { type Part, type RunningPart, startPart } from '@catalog/runtime';
import { loadOrCreateSecrets, writeKeyFiles, type Secrets } from './access/secrets.ts';
import { signToken } from './access/token.ts';
import { anyProduct, loadDemoCatalog } from './demo-catalog.ts';
import type { Listener } from '@catalog/contracts';
import { host, requireFree, type Ports } from './machine/ports.ts';
import { reportFirstWriteError, RunFile, type RunEntry } from './machine/run-file.ts';
import { createStackFolder, type StackFolder } from './machine/stack-folder.ts';
import { StackProblem } from './problem.ts';
import {
  SupervisedProcess,
  untilAborted,
  type ProcessSpec,
  type Surroundings,
} from './processes/supervised-process.ts';
import { serviceProcess, type ExternalStores } from './service-process.ts';
import { consoleAdmin, type ServiceEntry } from './service-table.ts';
import { busPort, type CacheServers, createCluster, isCluster } from './stores/cluster.ts';
import { databaseUrl, ensureDatabase, preparePostgres, superuser } from './stores/postgres.ts';
import { operator, type RedisServer } from './stores/redis-acl.ts';
import { prepareRedis, redisUrl } from './stores/redis.ts';
import { BreakServer } from './breaking/break-server.ts';
import { faultsOf } from './breaking/faults.ts';
import { cachesHaveCaughtUp } from './wait-for-caches.ts';
import { welcomeText } from './welcome.ts';

export interface StackOptions {
  readonly folder: StackFolder;
  readonly ports: Ports;
  readonly external: ExternalStores;
  /** The servers of the cache, unless a real one takes their place. */
  readonly cache: CacheServers;
  readonly services: readonly ServiceEntry[];
  readonly redisProgram: string;
  /** Starts no service, and leaves the database empty. */
  readonly onlyStores: boolean;
  /** CHANGE_SOURCE. The worker checks its value. */
  readonly changeSource: string | undefined;
  /** What a person must type before npm commands to reach this stack. */
  readonly prefix: string;
  /** This process, for the run file. */
  readonly supervisor: RunEntry;
  say(line: string): void;
}

type StartAll = (kind: 'stores' | 'services', specs: readonly ProcessSpec[]) => Promise<void>;

/** Its `run` ends everything that it has started, whenever the signal aborts. It throws a StackProblem. */
export function createStack({
  folder,
  ports,
  external,
  cache,
  services,
  redisProgram,
  onlyStores,
  changeSource,
  prefix,
  supervisor,
  say,
}: StackOptions): Part {
  const readUrl = `http://${host}:${ports['catalog-read']}`;
  const writeUrl = `http://${host}:${ports['catalog-write']}`;
  const ownStores = [
    { name: 'postgres', externalUrl: external.database },
    ...cache.map((name) => ({ name, externalUrl: external.cacheRedis })),
    { name: 'state-redis', externalUrl: external.stateRedis },
  ] as const;
  const hasOwnCluster = isCluster(cache) && external.cacheRedis === undefined;
  const isOwn = (store: Listener) =>
    ownStores.some(({ name, externalUrl }) => name === store && externalUrl === undefined);
  const listeners = [...ownStores, ...services].map(({ name }) => name);

  async function run(signal: AbortSignal): Promise<void> {
    const reportWriteError = reportFirstWriteError(say);
    await createStackFolder(folder);
    const runFile = await RunFile.claim(folder.runFile, supervisor, say, reportWriteError);
    const surroundings: Surroundings = {
      logFolder: folder.logs,
      say,
      reportWriteError,
      record: (entry) => runFile.record(entry),
      forget: (name) => runFile.forget(name),
    };
    const running = {
      breaking: [] as RunningPart[],
      stores: [] as RunningPart[],
      services: [] as RunningPart[],
    };
    const processes = new Map<string, SupervisedProcess>();
    const startAll: StartAll = async (kind, specs) => {
      signal.throwIfAborted();
      const started = specs.map((spec) => new SupervisedProcess(spec, surroundings));
      for (const each of started) processes.set(each.spec.name, each);
      running[kind].push(...started.map(startPart));
      await Promise.all(started.map(({ ready }) => ready));
    };
    try {
      const stopped = untilAborted(signal);
      // A migration that runs cannot be stopped, and Ctrl-C does not wait for it.
      const startBreaking = (secrets: Secrets) =>
        running.breaking.push(startPart(breakServer(secrets, (name) => processes.get(name))));
      await Promise.race([start(signal, startAll, startBreaking), stopped]);
      await stopped;
    } finally {
      // What a person has broken is put back first: a frozen process does not stop.
      await Promise.all(running.breaking.map((part) => part.stop()));
      // All services at once, then all stores at once: one that hangs delays no other.
      await Promise.all(running.services.map((service) => service.stop()));
      await Promise.all(running.stores.map((store) => store.stop()));
      await runFile.release();
    }
  }

  async function start(
    signal: AbortSignal,
    startAll: StartAll,
    startBreaking: (secrets: Secrets) => void,
  ): Promise<void> {
    const began_ms = performance.now();
    const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
      signal.throwIfAborted();
      const stepBegan_ms = performance.now();
      const result = await work();
      say(`${name.padEnd(20)} ready (${seconds(performance.now() - stepBegan_ms)})`);
      return result;
    };
    await requireFree(
      ports,
      listeners.filter((name) => isOwn(name) || services.some((service) => service.name === name)),
    );
    const secrets = await loadOrCreateSecrets(folder.secretsFile, services);
    await writeKeyFiles(secrets, folder.publicKeysFile, folder.serviceKeyFile);
    await step('stores', async () => startAll('stores', await storeSpecs(secrets)));
    if (hasOwnCluster) {
      const password = secrets.redis[operator] ?? '';
      await step('cache cluster', () => createCluster({ ports, program: redisProgram, password }));
    }
    if (onlyStores) {
      if (isOwn('postgres')) await step('database', () => createDatabase(secrets));
      say('only the stores run. Ctrl-C stops everything and keeps the data');
      return;
    }
    await step('database', () => prepareDatabase(secrets));
    for (const service of services) {
      const spec = serviceProcess(service, { ports, secrets, external, cache, folder });
      await step(service.name, () => startAll('services', [spec]));
    }
    startBreaking(secrets);
    const created = await step('demo catalog', () => loadDemo(secrets, signal));
    if (created !== undefined) say(`${created} products of the demo catalog were imported`);
    const caughtUp = await step('caches', () => cachesHaveCaughtUp(readUrl, signal));
    if (signal.aborted) return;
    if (!caughtUp) say('the caches lag behind; until they catch up, reads come from Postgres');
    say(`ready after ${seconds(performance.now() - began_ms)}`);
    say(await welcome(secrets));
  }

  function breakServer(
    secrets: Secrets,
    process: (name: Listener) => SupervisedProcess | undefined,
  ): BreakServer {
    const faults = faultsOf({
      process,
      databaseUrl: databaseUrl(ports.postgres, superuser, secrets.postgres[superuser] ?? '', 'postgres'),
      cacheRedisUrl: redisUrl(ports['cache-redis'], operator, secrets.redis[operator] ?? ''),
    });
    return new BreakServer({ socketFile: folder.breakSocket, faults, say });
  }

  async function storeSpecs(secrets: Secrets): Promise<ProcessSpec[]> {
    const redis = (server: RedisServer, name: Listener) =>
      prepareRedis({
        server,
        name,
        program: redisProgram,
        folder: folder.redis(name),
        port: ports[name],
        ...(server === 'cache' && isCluster(cache) && { busPort: busPort(ports[name]) }),
        passwords: secrets.redis,
      });
    const password = secrets.postgres[superuser] ?? '';
    const specs: Promise<ProcessSpec>[] = [];
    if (isOwn('postgres'))
      specs.push(preparePostgres({ folder: folder.postgres, port: ports.postgres, password }));
    specs.push(...cache.filter(isOwn).map((name) => redis('cache', name)));
    if (isOwn('state-redis')) specs.push(redis('state', 'state-redis'));
    return Promise.all(specs);
  }

  const createDatabase = (secrets: Secrets): Promise<string> =>
    ensureDatabase(ports.postgres, secrets.postgres[superuser] ?? '');

  /** It migrates a real database too, but does not touch its logins: they belong to its owner. */
  async function prepareDatabase(secrets: Secrets): Promise<void> {
    try {
      if (external.database !== undefined) {
        await migrate(external.databaseDirect ?? external.database);
        return;
      }
      const url = await createDatabase(secrets);
      await migrate(url);
      const logins = services.map(({ databaseRole: role }) => [role, secrets.postgres[role] ?? '']);
      await provisionLogins(
        url,
        Object.fromEntries(logins) as Record<string, string>,
        slotReaders(changeSource),
      );
    } catch (cause) {
      if (!(cause instanceof MigrationError)) throw cause;
      throw new StackProblem(
        `The database cannot be migrated: ${cause.message}`,
        'Check out the commit that wrote the data, or start again without it (all local data is lost): npm run reset && npm start',
        { cause },
      );
    }
  }

  function loadDemo(secrets: Secrets, signal: AbortSignal): Promise<number | undefined> {
    return loadDemoCatalog({
      readUrl,
      writeUrl,
      markerFile: folder.demoLoadedFile,
      token: () => signToken(secrets, { scope: 'catalog:write' }, Date.now()),
      signal,
    });
  }

  async function welcome(secrets: Secrets): Promise<string> {
    return welcomeText({
      ports,
      prefix,
      services: services.map(({ name }) => name),
      stores: ownStores.map(({ name }) => ({
        name,
        where: isOwn(name) ? `${host}:${ports[name]}` : 'a real server, from the environment',
      })),
      logFolder: folder.logs,
      signIn: {
        username: consoleAdmin.username,
        password: secrets.random[consoleAdmin.password] ?? '',
      },
      product: (await anyProduct(readUrl, 'category=light&limit=1')) ?? (await anyProduct(readUrl)),
    });
  }

  return { run };
}

function seconds(duration_ms: number): string {
  return `${(duration_ms / 1000).toFixed(1)} s`;
}
