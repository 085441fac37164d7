import { spawn } from 'node:child_process';

/**
 * A shell that outlives us: it holds the reading end of a pipe whose writing end only we hold, so that
 * it wakes when we end in whatever way, SIGKILL included. It then kills the server and removes its
 * directory, if it has one. Without it, a test runner that is killed would leave servers behind.
 */
export function reapWhenWeDie(pid: number, directory = ''): { cancel(): void } {
  const reaper = spawn(
    '/bin/sh',
    [
      '-c',
      'read -r word; [ "$word" = cancel ] || { kill -9 "$1"; [ -z "$2" ] || rm -rf "$2"; }',
      'reaper',
      String(pid),
      directory,
    ],
    {
      stdio: ['pipe', 'ignore', 'ignore'],
      // Its own process group, so that Ctrl-C in the terminal does not end the one who cleans up after it.
      detached: true,
    },
  );
  // Its stdin breaks when it ends before us; there is nothing to do about that.
  reaper.stdin.on('error', () => {});
  reaper.on('error', () => {});
  reaper.unref();
  (reaper.stdin as unknown as { unref?: () => void }).unref?.();
  return {
    cancel() {
      reaper.stdin.end('cancel\n');
    },
  };
}
