/** Looks up processes by pid. On Linux it reads /proc, because small images have no `ps`. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { pause } from '@catalog/runtime';

/** Program and arguments; undefined when there is no such process, or when it is a zombie. */
export async function commandLine(pid: number): Promise<string | undefined> {
  try {
    if (process.platform === 'linux') {
      const text = await readFile(`/proc/${pid}/cmdline`, 'utf8');
      return text.replaceAll('\0', ' ').trim() || undefined;
    }
    const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]);
    return stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

/** Whether `pid` is still the same process. Pids are used again, so its command line must contain `marker`. */
export async function isRunning(pid: number, marker: string): Promise<boolean> {
  return (await commandLine(pid))?.includes(marker) ?? false;
}

/** Ends a process that is not our child: sends the signal, waits, then kills. */
export async function endProcess(
  pid: number,
  marker: string,
  signal: NodeJS.Signals,
  patience_ms: number,
): Promise<void> {
  for (const next of [signal, 'SIGKILL'] as const) {
    if (!(await isRunning(pid, marker))) return;
    try {
      process.kill(pid, next);
    } catch {
      return;
    }
    // There is no event for the end of a process that is not our child.
    for (let waited_ms = 0; waited_ms < patience_ms; waited_ms += 50) {
      if (!(await isRunning(pid, marker))) return;
      await pause(50);
    }
  }
}
