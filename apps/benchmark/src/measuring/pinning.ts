/** Puts processes on cores, with `taskset` of Linux. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import type { BenchStack } from '../stack/bench-stack.ts';
import { cores } from './machine.ts';

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

/** All processes of the stack at this moment. Those that begin later inherit the core of their parent. */
async function processesOf({ stack }: BenchStack): Promise<number[]> {
  const { postgres = 0, ...others } = await stack.pids();
  return [postgres, ...(await childrenOf(postgres)), ...Object.values(others)];
}

const everyCore = `0-${availableParallelism() - 1}`;

async function hasTaskset(): Promise<boolean> {
  return run('taskset', ['-cp', String(process.pid)]).then(
    () => true,
    () => false,
  );
}

/** Whether `onTwoCores` can keep the two apart. */
export const canPin = async (): Promise<boolean> => availableParallelism() > 1 && (await hasTaskset());

/** Runs `work` with the stack beside the measured server, on the cores of the load generator. Where that is impossible, it just runs it. */
export async function besideMeasured<T>(bench: BenchStack, work: () => Promise<T>): Promise<T> {
  if (cores === undefined || !(await canPin())) return work();
  await pin(cores.others, await processesOf(bench));
  try {
    return await work();
  } finally {
    await pin(everyCore, await processesOf(bench));
  }
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
