/** Slows Postgres down: pauses all its processes for a share of the time. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { pause } from '@catalog/runtime';
import type { System } from './system.ts';

const period_ms = 100;

/** Disposing restores the full speed. */
export interface SlowPostgres extends AsyncDisposable {
  /** A share of the full speed, from 0 to 1. */
  speed: number;
}

export async function slowPostgres(system: System, speed: number): Promise<SlowPostgres> {
  const { postgres: postmaster } = await system.stack.pids();
  if (postmaster === undefined) throw new Error('Postgres does not run.');
  const over = new AbortController();
  const slow = {
    speed,
    async [Symbol.asyncDispose]() {
      over.abort();
      await throttling;
    },
  };
  const throttle = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const pids = await childrenOf(postmaster);
      signal(pids, 'SIGSTOP');
      await pause(period_ms * (1 - slow.speed));
      signal(pids, 'SIGCONT');
      await pause(period_ms * slow.speed);
    }
  };
  const throttling = throttle();
  return slow;
}

/** From Linux' /proc where it is there: while `pgrep` starts, Postgres would run at full speed. */
async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(
    async () => (await promisify(execFile)('pgrep', ['-P', String(pid)])).stdout,
  );
  return text.trim().split(/\s+/).map(Number);
}

function signal(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, name);
    } catch {
      // The session has ended.
    }
  }
}
