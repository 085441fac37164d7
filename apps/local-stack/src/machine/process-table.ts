/** Looks at processes by pid, on Linux without needing `ps`, which small images lack. */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Program and arguments; undefined when there is no such process, or only its zombie. */
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

/** Whether `pid` still is the process we mean: pids are used again, so its command line must hold `marker`. */
export async function isRunning(pid: number, marker: string): Promise<boolean> {
  return (await commandLine(pid))?.includes(marker) ?? false;
}

/** Ends a process that is not our child: asks, waits, then kills. */
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
    // No event tells of the end of somebody else's child.
    for (let waited_ms = 0; waited_ms < patience_ms; waited_ms += 50) {
      if (!(await isRunning(pid, marker))) return;
      await pause(50);
    }
  }
}
