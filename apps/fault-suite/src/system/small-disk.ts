/** Moves the stack's Postgres to a small disk, until it is disposed. It needs Linux and the right to mount. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '@catalog/testing';
import type { System } from './system.ts';

const run = promisify(execFile);

export async function mayMount(): Promise<boolean> {
  if (process.platform !== 'linux') return false;
  const folder = await mkdtemp(join(tmpdir(), 'catalog-mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', 'none', folder]).status === 0;
  if (isMounted) await run('umount', [folder]);
  await rm(folder, { recursive: true });
  return isMounted;
}

export interface SmallDisk extends AsyncDisposable {
  /** Fills the disk. */
  fill(): Promise<void>;
  /** Makes room again. */
  free(): Promise<void>;
}

export async function smallDisk(system: System): Promise<SmallDisk> {
  const folder = join(system.stack.folder, 'postgres');
  const aside = join(system.stack.folder, 'postgres-aside');
  const ballast = join(folder, 'ballast');
  const { uid, gid } = await stat(folder);
  await whileStopped(system, async () => {
    await run('cp', ['-a', folder, aside]);
    const { stdout } = await run('du', ['-sm', aside]);
    const options = `size=${Number.parseInt(stdout, 10) + 64}m,mode=0700,uid=${uid},gid=${gid}`;
    await run('mount', ['-t', 'tmpfs', '-o', options, 'none', folder]);
    await run('cp', ['-a', `${aside}/.`, folder]);
    await rm(aside, { recursive: true });
  });
  return {
    async fill() {
      const { bavail, bsize } = await statfs(folder);
      // Postgres may take some of the room meanwhile. Then the file fills the rest.
      await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    free: () => rm(ballast, { force: true }),
    async [Symbol.asyncDispose]() {
      await rm(ballast, { force: true });
      await whileStopped(system, async () => {
        await run('cp', ['-a', folder, aside]);
        await run('umount', [folder]);
        await rm(folder, { recursive: true });
        await run('mv', [aside, folder]);
      });
    },
  };
}

/** Stops Postgres, and pauses the stack so that it does not restart it meanwhile. */
async function whileStopped(system: System, work: () => Promise<void>): Promise<void> {
  const from = system.stack.said.length;
  const { postgres: pid } = await system.stack.pids();
  system.stack.signal('SIGSTOP');
  try {
    if (pid !== undefined && isAlive(pid)) {
      process.kill(pid, 'SIGINT');
      await eventually(() => !isAlive(pid), { timeout_ms: 30_000 });
    }
    await work();
  } finally {
    system.stack.signal('SIGCONT');
  }
  await system.stack.hears(/postgres is back/, from);
}

/** The paused stack cannot reap a zombie, so a pid is not enough. A zombie has no executable. */
function isAlive(pid: number): boolean {
  return spawnSync('readlink', [`/proc/${pid}/exe`]).status === 0;
}
