/** Puts processes on cores, with `taskset` of Linux. On systems without it, the work just runs. */
import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { Pool } from 'pg';
import type { BenchStack } from '../stack/bench-stack.ts';
import { processTree } from './cpu.ts';
import { cores } from './machine.ts';

const run = promisify(execFile);

/** The clients and the sessions of Postgres that serve them. */
const clientCore = '0';
/** The worker and the other services, their sessions, the Redis servers, and what Postgres does in the background. */
const feedCore = '1';

const pin = (cores: string, pids: readonly number[]) =>
  // A session may have ended meanwhile.
  Promise.all(pids.map((pid) => run('taskset', ['-acp', cores, String(pid)]).catch(() => undefined)));

/** Postgres and the services of a stack. */
type Stores = Pick<BenchStack, 'stack' | 'catalog'>;

/** All processes of the stack at this moment. Those that begin later inherit the core of their parent. */
const processesOf = async ({ stack }: Stores): Promise<number[]> =>
  Object.values(await stack.pids()).flatMap(processTree);

const everyCore = `0-${availableParallelism() - 1}`;

const hasTaskset = run('taskset', ['-cp', String(process.pid)]).then(
  () => true,
  () => false,
);

/** Whether processes can be kept apart. */
export const canPin = async (): Promise<boolean> => availableParallelism() > 1 && (await hasTaskset);

/**
 * Runs `work` with the stores on the cores of the load generator. Postgres vacuums nothing meanwhile, because that takes the core of the
 * load generator for seconds.
 *
 * @param others more processes that belong there
 */
export async function besideMeasured<T>(
  stores: readonly Stores[],
  work: () => Promise<T>,
  others: readonly number[] = [],
): Promise<T> {
  if (cores === undefined || !(await canPin())) return work();
  const pids = async () => [...others, ...(await Promise.all(stores.map(processesOf))).flat()];
  await pin(cores.others, await pids());
  await Promise.all(stores.map(({ catalog }) => setAutovacuum(catalog, 'off')));
  try {
    return await work();
  } finally {
    await Promise.all(stores.map(({ catalog }) => setAutovacuum(catalog, 'on')));
    await pin(everyCore, await pids());
  }
}

async function setAutovacuum(catalog: Pool, value: 'on' | 'off'): Promise<void> {
  await catalog.query(`alter system set autovacuum = ${value}`);
  await catalog.query('select pg_reload_conf()');
  if (value === 'off')
    await catalog.query(
      "select pg_cancel_backend(pid) from pg_stat_activity where backend_type = 'autovacuum worker'",
    );
}

/** Runs `work` with this server alone on its core, while all servers that it is compared with are on the others. */
export async function onMeasuredCore<T>(pid: number, work: () => Promise<T>): Promise<T> {
  if (cores === undefined || !(await canPin())) return work();
  await pin(String(cores.measured), processTree(pid));
  try {
    return await work();
  } finally {
    await aside(pid);
  }
}

/** Even a server that nobody asks needs 1 % of a core. */
export async function aside(pid: number): Promise<void> {
  if (cores !== undefined && (await canPin())) await pin(cores.others, processTree(pid));
}

/**
 * Runs `work` with the clients on one core and everything else on another. On other machines it just runs it.
 *
 * @param work gets a function that puts the sessions of the clients on the core of the clients
 */
export async function onTwoCores<T>(
  bench: BenchStack,
  work: (onClientCore: (pids: readonly number[]) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  if (!(await canPin())) return work(async () => undefined);
  await pin(feedCore, await processesOf(bench));
  await pin(clientCore, [process.pid]);
  try {
    return await work((pids) => pin(clientCore, pids));
  } finally {
    await pin(everyCore, [process.pid, ...(await processesOf(bench))]);
  }
}
