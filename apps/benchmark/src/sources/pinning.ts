/** Puts the change feed on its own core, with `taskset` of Linux. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { BenchStack } from '../stack/bench-stack.ts';

const run = promisify(execFile);

/** The clients and the sessions of Postgres that serve them. */
const clientCore = '0';
/** The worker, its sessions, the Postgres process that sends the change slot, and the Redis servers. */
const feedCore = '1';

const pin = (cores: string, pids: readonly number[]) =>
  // A session may have ended meanwhile.
  Promise.all(pids.map((pid) => run('taskset', ['-acp', cores, String(pid)]).catch(() => undefined)));

async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  return text.trim().split(' ').filter(Boolean).map(Number);
}

async function hasTaskset(): Promise<boolean> {
  return run('taskset', ['-cp', String(process.pid)]).then(
    () => true,
    () => false,
  );
}

/** Whether `onTwoCores` can keep the two apart. */
export const canPin = async (): Promise<boolean> => availableParallelism() > 1 && (await hasTaskset());

/** Runs `work` with the clients on one core and the change feed on another. On other machines it just runs it. */
export async function onTwoCores<T>({ stack, catalog }: BenchStack, work: () => Promise<T>): Promise<T> {
  if (!(await canPin())) return work();
  const { postgres = 0, ...others } = await stack.pids();
  const { rows } = await catalog.query<{ pid: number }>(
    "select pid from pg_stat_activity where usename = 'invalidation_worker'",
  );
  const ofWorker = rows.map(({ pid }) => pid);
  // Sessions that begin meanwhile inherit the core of the postmaster.
  const ofClients = (await childrenOf(postgres)).filter((pid) => !ofWorker.includes(pid));
  await pin(clientCore, [process.pid, postgres, ...ofClients]);
  await pin(feedCore, [...Object.values(others), ...ofWorker]);
  try {
    return await work();
  } finally {
    const all = `0-${availableParallelism() - 1}`;
    await pin(all, [process.pid, postgres, ...(await childrenOf(postgres)), ...Object.values(others)]);
  }
}
