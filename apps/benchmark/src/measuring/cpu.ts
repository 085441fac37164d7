/** The CPU time of processes, from Linux. Elsewhere it is unknown. */
import { readdirSync, readFileSync } from 'node:fs';

export interface CpuTime {
  /** Time on a core. */
  readonly used_us: number;
  /** Time in which a thread could have run, but another process had the core. */
  readonly waited_us: number;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** The process and its descendants. */
export function processTree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`)?.trim().split(' ') ?? [];
  return [pid, ...children.filter((text) => text !== '').flatMap((child) => processTree(Number(child)))];
}

/** Of all threads of these processes and their descendants since they started; undefined where Linux's /proc is missing. */
export function cpuTime(pids: readonly number[]): CpuTime | undefined {
  let used_us = 0;
  let waited_us = 0;
  for (const pid of pids.flatMap(processTree)) {
    let threads: string[];
    try {
      threads = readdirSync(`/proc/${pid}/task`);
    } catch {
      return undefined;
    }
    for (const thread of threads) {
      const [used = 0, waited = 0] =
        read(`/proc/${pid}/task/${thread}/schedstat`)?.split(' ').map(Number) ?? [];
      used_us += used / 1_000;
      waited_us += waited / 1_000;
    }
  }
  return { used_us, waited_us };
}

/** Linux counts the time of a core in hundredths of a second. */
const tick_us = 10_000;

/**
 * The time in which a core answered interrupts, most of them for the packets of loopback, or the host of a virtual machine had it. Linux
 * counts it for no process.
 */
export function interruptTime_us(core: number): number {
  const line = read('/proc/stat')?.match(new RegExp(`^cpu${core} (.*)$`, 'm'))?.[1] ?? '';
  const [, , , , , irq = 0, softirq = 0, steal = 0] = line.split(' ').map(Number);
  return (irq + softirq + steal) * tick_us;
}

export const cpuBetween = (before: CpuTime | undefined, after: CpuTime | undefined): CpuTime | undefined =>
  before &&
  after && {
    used_us: after.used_us - before.used_us,
    waited_us: after.waited_us - before.waited_us,
  };
