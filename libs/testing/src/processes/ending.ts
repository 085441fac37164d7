import { once } from 'node:events';
import { spawn, type ChildProcess } from 'node:child_process';

const endingSignals = new Set<NodeJS.Signals>(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGKILL']);

export function hasExited(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Sends the signal and waits for the end. After `patience_ms` it sends SIGKILL. */
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

/** Sends any signal. It waits for the end if the signal ends a process, and returns at once for SIGSTOP and SIGCONT. */
export async function sendSignal(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (endingSignals.has(signal)) await end(child, signal);
  else child.kill(signal);
}

/**
 * Kills the child and removes its directory when this process ends, even by SIGKILL. A small shell holds the reading end of
 * a pipe whose writing end only this process holds, so the shell wakes when this process ends. Without it a killed test
 * runner would leave servers behind.
 */
export function endWithUs(child: ChildProcess, directory = ''): void {
  const reaper = spawn(
    '/bin/sh',
    [
      '-c',
      'read -r line; [ "$line" = cancel ] || { kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"; }',
      'reaper',
      String(child.pid ?? 0),
      directory,
    ],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Its own process group, so that Ctrl-C in the terminal does not end the shell.
      detached: true,
    },
  );
  // Its stdin breaks if it ends before us. That does no harm.
  reaper.stdin.on('error', () => {});
  reaper.on('error', () => {});
  reaper.unref();
  (reaper.stdin as unknown as { unref?: () => void }).unref?.();
  child.once('exit', () => reaper.stdin.end('cancel\n'));
}
