/** Puts the change feed on its own core, with `taskset` of Linux. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { BenchStack } from '../stack/bench-stack.ts';

const run = promisify(execFile);

/** The clients and the sessions of Postgres that serve them. */
const clientCore = '0';
/** The worker and the other services, their sessions, the Redis servers, and what Postgres does in the background. */
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

/**
 * Runs `work` with the clients on one core and everything else on another. On other machines it just runs it.
 *
 * @param work gets a function that puts the sessions of the clients on the core of the clients
 */
export async function onTwoCores<T>(
  { stack }: BenchStack,
  work: (onClientCore: (pids: readonly number[]) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  if (!(await canPin())) return work(async () => undefined);
  const { postgres = 0, ...others } = await stack.pids();
  // Processes that begin meanwhile inherit the core of the postmaster: those that vacuum the outbox, for instance.
  await pin(feedCore, [postgres, ...(await childrenOf(postgres)), ...Object.values(others)]);
  await pin(clientCore, [process.pid]);
  try {
    return await work((pids) => pin(clientCore, pids));
  } finally {
    const all = `0-${availableParallelism() - 1}`;
    await pin(all, [process.pid, postgres, ...(await childrenOf(postgres)), ...Object.values(others)]);
  }
}
