import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';

export function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Sends the signal, awaits the end, and helps with SIGKILL when it does not come in time. */
export async function end(child: ChildProcess, signal: NodeJS.Signals, patience_ms = 10_000): Promise<void> {
  if (hasExited(child)) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  const impatient = setTimeout(() => child.kill('SIGKILL'), patience_ms);
  try {
    await exited;
  } finally {
    clearTimeout(impatient);
  }
}
