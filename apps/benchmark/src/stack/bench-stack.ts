/** The real stack as everybody starts it, in a folder of its own, and beside it a database for what it is compared with. */
import { createPool, migrate, type Pool } from '@catalog/database';
import {
  eventually,
  stackPlace,
  startLocalStack,
  startReader,
  startScript,
  type LocalStack,
  type RunningScript,
} from '@catalog/testing';

export interface BenchStack extends AsyncDisposable {
  readonly stack: LocalStack;
  readonly say: (line: string) => void;
  /** The superuser in the stack's database. */
  readonly catalog: Pool;
  /** The superuser in the database `peers`: the same schema on the same server, and nothing that works on it. */
  readonly peers: Pool;
  readonly peersUrl: string;
  /** Another process of catalog-read; on one core where `core` says so. */
  startReader(options?: { core?: number }): Promise<RunningScript>;
  /** One of our peers, as a process of its own. */
  startPeer(name: string, env: NodeJS.ProcessEnv, options?: { core?: number }): Promise<RunningScript>;
}

export async function startBenchStack(say: (line: string) => void): Promise<BenchStack> {
  await using resources = new AsyncDisposableStack();
  const place = resources.use(await stackPlace());
  const stack = resources.use(await startLocalStack(place));
  const pool = (url: string, applicationName: string): Pool => {
    const made = createPool({ url, applicationName, max: 20, statementTimeout_ms: 0, lockTimeout_ms: 0 });
    resources.defer(() => made.end());
    return made;
  };
  const catalogUrl = await stack.databaseUrl();
  const catalog = pool(catalogUrl, 'benchmark');
  await catalog.query('create database peers');
  const peersUrl = catalogUrl.replace(/\/catalog$/, '/peers');
  await migrate(peersUrl);
  const peers = pool(peersUrl, 'benchmark');

  const owned = resources.move();
  return {
    stack,
    say,
    catalog,
    peers,
    peersUrl,
    startReader: ({ core } = {}) => startReader(stack, core === undefined ? {} : { core }),
    startPeer: (name, env, { core } = {}) =>
      startScript({
        script: 'apps/benchmark/src/main.ts',
        args: ['peer', name],
        env,
        port: stack.sparePort(),
        ...(core !== undefined && { core }),
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Cores for the server that is measured, and for who measures it; undefined where they cannot be chosen. */
export const cores: { readonly measured: number; readonly others: number } | undefined =
  process.platform === 'linux' ? { measured: 0, others: 1 } : undefined;

/** Resolves when the feed has nothing left to do, so that what came before is not measured. */
export async function drained(catalog: Pool): Promise<void> {
  await eventually(
    async () => {
      const { rowCount } = await catalog.query('select from catalog.outbox where applied_at is null limit 1');
      return rowCount === 0;
    },
    { timeout_ms: 300_000, interval_ms: 100 },
  );
}

/** The number of the last row that was written into the outbox. */
export async function lastChange(catalog: Pool): Promise<number> {
  const { rows } = await catalog.query<{ last: number | null }>(
    "select last_value as last from pg_sequences where schemaname = 'catalog' and sequencename = 'outbox_seq_seq'",
  );
  return rows[0]?.last ?? 0;
}
