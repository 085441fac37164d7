/** Readers, workers and writers: those of the stack, and further ones of each kind. */
import {
  startReader,
  startScript,
  startWorker,
  startWriter,
  type LocalStack,
  type RunningScript,
  type StackProcess,
  type TcpProxy,
} from '@catalog/testing';
import { withPort } from './with-port.ts';

export interface Service {
  readonly name: string;
  readonly url: string;
}

export interface Worker extends Service {
  signal(signal: NodeJS.Signals): Promise<void>;
}

/** The first of each kind belongs to the stack, which restarts it when it dies. */
export interface Services {
  readonly readers: readonly Service[];
  readonly workers: readonly Worker[];
  readonly writers: readonly Service[];
}

interface Surroundings {
  readonly stack: LocalStack;
  databaseUrl(login: string): Promise<string>;
  readonly changeSource: string;
  /** For the second reader. */
  readonly behind: { readonly cacheUrl: string; readonly postgres: TcpProxy };
  kill(process: StackProcess, signal: NodeJS.Signals): Promise<void>;
}

type Resources = Pick<AsyncDisposableStack, 'use'>;

export async function startServices(
  { stack, databaseUrl, changeSource, behind, kill }: Surroundings,
  resources: Resources,
): Promise<Services> {
  // One after the other, because each start keeps a core busy for a second.
  const readerUrl = await databaseUrl('catalog_read');
  const second = resources.use(
    await startReader(stack, {
      env: {
        CACHE_REDIS_URL: behind.cacheUrl,
        DATABASE_URL: withPort(readerUrl, behind.postgres.port),
      },
    }),
  );
  const third = resources.use(await startReader(stack, { env: { DATABASE_URL: readerUrl } }));
  const workerUrl = await databaseUrl('invalidation_worker');
  const worker = resources.use(
    await startWorker(stack, {
      env: { CHANGE_SOURCE: changeSource, DATABASE_URL: workerUrl, DATABASE_DIRECT_URL: workerUrl },
    }),
  );
  const writer = resources.use(
    await startWriter(stack, { env: { DATABASE_URL: await databaseUrl('catalog_write') } }),
  );
  return {
    readers: named('reader', [stack.url('catalog-read'), second.url, third.url]),
    workers: [
      {
        name: 'worker 1',
        url: stack.url('invalidation-worker'),
        signal: (signal) => kill('invalidation-worker', signal),
      },
      { name: 'worker 2', url: worker.url, signal: async (signal) => signalTo(worker, signal) },
    ],
    writers: named('writer', [stack.url('catalog-write'), writer.url]),
  };
}

export async function startPlainServices(
  { stack, databaseUrl, behind }: Surroundings,
  resources: Resources,
): Promise<Services> {
  const plainUrl = await databaseUrl('catalog_read');
  const cacheUrl = await stack.redisUrl('cache');
  const start = async (env: NodeJS.ProcessEnv) =>
    resources.use(
      await startScript({
        script: 'apps/fault-suite/src/main.ts',
        args: ['plain-reader'],
        env,
        port: stack.sparePort(),
      }),
    ).url;
  return {
    readers: named('reader', [
      await start({ DATABASE_URL: plainUrl, CACHE_REDIS_URL: cacheUrl }),
      await start({
        DATABASE_URL: withPort(plainUrl, behind.postgres.port),
        CACHE_REDIS_URL: behind.cacheUrl,
      }),
    ]),
    workers: [],
    writers: named('writer', [stack.url('catalog-write')]),
  };
}

const named = (kind: string, urls: readonly string[]): Service[] =>
  urls.map((url, index) => ({ name: `${kind} ${index + 1}`, url }));

const signalTo = ({ pid }: RunningScript, signal: NodeJS.Signals): void => void process.kill(pid, signal);
