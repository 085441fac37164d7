/** Postgres at a part of its speed: all its processes stand still most of the time. */
import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { System } from './system.ts';

const period_ms = 100;

/** @returns what gives it its speed back */
export async function slowPostgres(system: System, speed: number): Promise<AsyncDisposable> {
  const { postgres: postmaster } = await system.stack.pids();
  if (postmaster === undefined) throw new Error('Postgres does not run');
  const over = new AbortController();
  const throttle = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const pids = await childrenOf(postmaster);
      signal(pids, 'SIGSTOP');
      await pause(period_ms * (1 - speed));
      signal(pids, 'SIGCONT');
      await pause(period_ms * speed);
    }
  };
  const throttling = throttle();
  return {
    async [Symbol.asyncDispose]() {
      over.abort();
      await throttling;
    },
  };
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('pgrep', ['-P', String(pid)]);
  return stdout.trim().split('\n').map(Number);
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // Its session has ended.
    }
  }
}
