/** A small disk for the stack's Postgres, as long as it is needed. Linux, and only for who may mount. */
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
  /** Leaves no room. */
  fill(): Promise<void>;
  /** Room again. */
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
      // Postgres may take some of it meanwhile; what can be written then fills the rest.
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

/** Ends Postgres in order, and keeps the stack from starting it again meanwhile. */
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

/** A zombie, which the stopped stack cannot bury, runs no file. */
function isAlive(pid: number): boolean {
  return spawnSync('readlink', [`/proc/${pid}/exe`]).status === 0;
}
