/**
 * The whole local stack: stores, migrations, services, demo catalog; up in this order; down come all services at once, then the stores.
 */
import { join } from 'node:path';
import { migrate, MigrationError, provisionLogins } from '@catalog/database';
import { loadOrCreateSecrets, writePublicKeys, writeServiceKey, type Secrets } from './access/secrets.ts';
import { signToken } from './access/token.ts';
import { cachesHaveCaughtUp } from './caches.ts';
import { anyProduct, loadDemoCatalog } from './demo-catalog.ts';
import { host, requireFree, type Listener, type Ports } from './machine/ports.ts';
import { RunFile } from './machine/run-file.ts';
import { createStackFolder, repositoryRoot, type StackFolder } from './machine/stack-folder.ts';
import { tellUnwrittenOnce } from './machine/unwritten.ts';
import { StackProblem } from './problem.ts';
import { SupervisedProcess, type ProcessSpec, type Surroundings } from './processes/supervised-process.ts';
import { serviceEnv, type ExternalStores } from './services/service-env.ts';
import { serviceProcess } from './services/service-process.ts';
import { consoleAdmin, type ServiceEntry } from './services/service-table.ts';
import { ensureDatabase, preparePostgres, superuser } from './stores/postgres.ts';
import { aclUsers, type RedisServer } from './stores/redis-acl.ts';
import { prepareRedis } from './stores/redis.ts';
import { welcomeText } from './welcome.ts';

export interface StackOptions {
  readonly folder: StackFolder;
  readonly ports: Ports;
  readonly external: ExternalStores;
  readonly services: readonly ServiceEntry[];
  readonly redisProgram: string;
  /** As it must be typed before npm commands to reach this stack. */
  readonly prefix: string;
  readonly marker: string;
  say(line: string): void;
}

export interface Stack {
  /** Resolves when everything is ready. @throws StackProblem */
  run(): Promise<void>;
  /** Ends everything that was started; safe at any moment, and once is enough. */
  stop(): Promise<void>;
}

export function createStack(options: StackOptions): Stack {
  const { folder, ports, external, say } = options;
  const callers = options.services.filter(({ calls }) => calls !== undefined);
  const unwritten = tellUnwrittenOnce(say);
  const running: { readonly stores: SupervisedProcess[]; readonly services: SupervisedProcess[] } = {
    stores: [],
    services: [],
  };
  let runFile: RunFile | undefined;
  let stopped: Promise<void> | undefined;

  async function run(): Promise<void> {
    const began = performance.now();
    await createStackFolder(folder);
    runFile = await RunFile.claim(
      folder.runFile,
      { name: 'local-stack', pid: process.pid, marker: options.marker, stopSignal: 'SIGTERM' },
      say,
      unwritten,
    );
    await requireFree(ports, ownListeners());
    const secrets = await loadOrCreateSecrets(folder.secretsFile, {
      postgres: [superuser, ...options.services.map(({ databaseRole }) => databaseRole)],
      redis: [...new Set([...aclUsers('cache'), ...aclUsers('state')])],
      serviceKeys: callers.map(({ name }) => name),
      words: options.services.flatMap(({ words }) => Object.values(words ?? {})),
    });
    await writePublicKeys(folder.publicKeysFile, secrets);
    for (const { name } of callers) await writeServiceKey(folder.serviceKeyFile(name), secrets, name);
    await step('stores', async () => {
      await startAll('stores', await storeSpecs(secrets));
    });
    await step('database', () => prepareDatabase(secrets));
    for (const service of options.services) {
      await step(service.name, () => startAll('services', [specOf(service, secrets)]));
    }
    const created = await step('demo catalog', () => loadDemo(secrets));
    if (created !== undefined) say(`${created} products of the demo catalog were imported`);
    const caughtUp = await step('caches', () => cachesHaveCaughtUp(readUrl, () => stopped !== undefined));
    if (!caughtUp) say('the caches lag behind; reads come from Postgres meanwhile');
    if (stopped) return;
    say(`ready after ${seconds(performance.now() - began)}`);
    say(await welcome(secrets));
  }

  function stop(): Promise<void> {
    stopped ??= (async () => {
      // One that hangs holds up none of the others: together they have the patience of one.
      await Promise.all(running.services.map((service) => service.stop()));
      await Promise.all(running.stores.map((store) => store.stop()));
      await runFile?.release();
    })();
    return stopped;
  }

  async function step<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (stopped)
      throw new StackProblem('The stack was stopped while it started.', 'Start it again: npm start');
    const began = performance.now();
    const result = await work();
    say(`${name.padEnd(20)} ready (${seconds(performance.now() - began)})`);
    return result;
  }

  async function startAll(kind: keyof typeof running, specs: readonly ProcessSpec[]): Promise<void> {
    const surroundings: Surroundings = {
      logFolder: folder.logs,
      say,
      unwritten,
      note: (entry) => runFile?.note(entry),
      forget: (name) => runFile?.forget(name),
    };
    const processes = specs.map((spec) => new SupervisedProcess(spec, surroundings));
    running[kind].push(...processes);
    await Promise.all(processes.map((process) => process.start()));
  }

  function ownListeners(): Listener[] {
    const stores: Listener[] = [];
    if (external.database === undefined) stores.push('postgres');
    if (external.cacheRedis === undefined) stores.push('cache-redis');
    if (external.stateRedis === undefined) stores.push('state-redis');
    return [...stores, ...options.services.map(({ name }) => name)];
  }

  async function storeSpecs(secrets: Secrets): Promise<ProcessSpec[]> {
    const redis = (server: RedisServer, place: string) =>
      prepareRedis({
        server,
        program: options.redisProgram,
        folder: place,
        port: ports[`${server}-redis`],
        passwords: secrets.redis,
      });
    const specs: Promise<ProcessSpec>[] = [];
    if (external.database === undefined) {
      const password = secrets.postgres[superuser] ?? '';
      specs.push(preparePostgres({ folder: folder.postgres, port: ports.postgres, password }));
    }
    if (external.cacheRedis === undefined) specs.push(redis('cache', folder.cacheRedis));
    if (external.stateRedis === undefined) specs.push(redis('state', folder.stateRedis));
    return Promise.all(specs);
  }

  /** A real database is migrated too, but its logins are its owner's affair. */
  async function prepareDatabase(secrets: Secrets): Promise<void> {
    try {
      if (external.database !== undefined) {
        await migrate(external.databaseDirect ?? external.database);
        return;
      }
      const url = await ensureDatabase(ports.postgres, secrets.postgres[superuser] ?? '');
      await migrate(url);
      const roles = options.services.map(({ databaseRole }) => databaseRole);
      await provisionLogins(
        url,
        Object.fromEntries(roles.map((role) => [role, secrets.postgres[role] ?? ''])),
      );
    } catch (cause) {
      if (!(cause instanceof MigrationError)) throw cause;
      throw new StackProblem(
        `The database cannot be migrated: ${cause.message}`,
        'Check out the commit that wrote it, or begin anew (all local data is lost): npm run reset && npm start',
        { cause },
      );
    }
  }

  function specOf(service: ServiceEntry, secrets: Secrets): ProcessSpec {
    return serviceProcess({
      name: service.name,
      port: ports[service.name],
      main: join(repositoryRoot, 'apps', service.name, service.main ?? 'src/main.ts'),
      env: serviceEnv(service, { ports, secrets, external, folder }),
    });
  }

  const readUrl = `http://${host}:${ports['catalog-read']}`;
  const writeUrl = `http://${host}:${ports['catalog-write']}`;

  function loadDemo(secrets: Secrets): Promise<number | undefined> {
    return loadDemoCatalog({
      readUrl,
      writeUrl,
      markerFile: folder.demoLoadedFile,
      token: () => signToken(secrets, { scope: 'catalog:write' }, Date.now()),
    });
  }

  async function welcome(secrets: Secrets): Promise<string> {
    const own = (name: Listener, externalUrl: string | undefined) => ({
      name,
      where: externalUrl === undefined ? `${host}:${ports[name]}` : 'as the environment says',
    });
    return welcomeText({
      ports,
      prefix: options.prefix,
      services: options.services.map(({ name }) => name),
      stores: [
        own('postgres', external.database),
        own('cache-redis', external.cacheRedis),
        own('state-redis', external.stateRedis),
      ],
      logFolder: folder.logs,
      signIn: { username: consoleAdmin.username, password: secrets.words[consoleAdmin.word] ?? '' },
      product: (await anyProduct(readUrl, 'category=light&limit=1')) ?? (await anyProduct(readUrl)),
    });
  }

  return { run, stop };
}

function seconds(duration_ms: number): string {
  return `${(duration_ms / 1000).toFixed(1)} s`;
}
