/** The real stack in a new folder, with an additional database for the systems that it is compared with. */
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
  /** The stack's database, as superuser. */
  readonly catalog: Pool;
  /** The database `peers`, as superuser. It has the same schema on the same server, and no worker uses it. */
  readonly peers: Pool;
  readonly peersUrl: string;
  /** Starts another catalog-read process, only on `core` if it is given. */
  startReader(options?: { core?: number; env?: NodeJS.ProcessEnv }): Promise<RunningScript>;
  /** Starts one of the servers that the services are compared with. */
  startServer(name: string, env: NodeJS.ProcessEnv, options?: { core?: number }): Promise<RunningScript>;
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
    startReader: (options = {}) => startReader(stack, options),
    startServer: (name, env, { core } = {}) =>
      startScript({
        script: 'apps/benchmark/src/main.ts',
        args: ['server', name],
        env,
        port: stack.sparePort(),
        ...(core !== undefined && { core }),
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * Resolves when every change up to `seq` is applied. Later changes, such as those of the probes, do not count. Without
 * `seq` it waits until the feed has nothing left to do, so that earlier work does not disturb a measurement.
 */
export async function drained(catalog: Pool, seq?: number, interval_ms = 100): Promise<void> {
  await landed(catalog);
  await eventually(
    async () => {
      const { rowCount } = await catalog.query(
        'select from catalog.outbox where applied_at is null and ($1::bigint is null or seq <= $1) limit 1',
        [seq ?? null],
      );
      return rowCount === 0;
    },
    { timeout_ms: 600_000, interval_ms },
  );
}

/** Resolves when every change that was committed before is in the outbox. */
async function landed(catalog: Pool): Promise<void> {
  const { rows } = await catalog.query<{ milestone: number }>(
    'select catalog.write_milestone() as milestone from catalog.change_slot where in_use',
  );
  if (rows[0] === undefined) return;
  const reached = "select from catalog.change_slot where not in_use or landed >= '0/0'::pg_lsn + $1::numeric";
  const { milestone } = rows[0];
  await eventually(async () => (await catalog.query(reached, [milestone])).rowCount === 1, {
    timeout_ms: 600_000,
    interval_ms: 20,
  });
}

/** Switches the triggers to this source. */
export async function useSource(catalog: Pool, source: 'outbox' | 'slot'): Promise<void> {
  // The local stack gives this right only with CHANGE_SOURCE=slot.
  await catalog.query('alter role invalidation_worker replication');
  await catalog.query('update catalog.change_slot set wanted = $1', [source]);
  const isSwitched = `select from catalog.change_slot
    where catalog.change_source() = $1 and in_use = ($1 = 'slot') and (landed is not null or not in_use)`;
  await eventually(async () => (await catalog.query(isSwitched, [source])).rowCount === 1, {
    timeout_ms: 60_000,
    interval_ms: 100,
  });
}

/** The highest `seq` of the outbox. */
export async function lastChange(catalog: Pool): Promise<number> {
  const { rows } = await catalog.query<{ last: number | null }>(
    "select last_value as last from pg_sequences where schemaname = 'catalog' and sequencename = 'outbox_seq_seq'",
  );
  return rows[0]?.last ?? 0;
}
