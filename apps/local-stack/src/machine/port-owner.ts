/**
 * Finds the process that listens on a port, if this user may see it. On Linux it reads /proc, because small images have
 * neither lsof nor ss. The libraries that look up a port need one of them.
 */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { promisify } from 'node:util';
import { commandLine } from './process-table.ts';

export interface PortOwner {
  readonly pid: number;
  readonly command: string;
}

export async function portOwner(port: number): Promise<PortOwner | undefined> {
  const pid = process.platform === 'linux' ? await pidFromProc(port) : await pidFromLsof(port);
  if (pid === undefined) return undefined;
  const command = (await commandLine(pid)) ?? 'a process that has just ended';
  return { pid, command: command.slice(0, 120) };
}

/** proc_net(5): the address is hexadecimal, state 0A is LISTEN, and the tenth column is the inode of the socket. */
async function pidFromProc(port: number): Promise<number | undefined> {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  const sockets = new Set<string>();
  for (const line of tables.join('\n').split('\n')) {
    const columns = line.trim().split(/\s+/);
    if (columns[1]?.endsWith(suffix) && columns[3] === '0A') sockets.add(`socket:[${columns[9]}]`);
  }
  if (sockets.size === 0) return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    // A process may have ended meanwhile, and another user's process cannot be read.
    const handles = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const handle of handles) {
      const target = await readlink(`/proc/${pid}/fd/${handle}`).catch(() => '');
      if (sockets.has(target)) return Number(pid);
    }
  }
  return undefined;
}

async function pidFromLsof(port: number): Promise<number | undefined> {
  try {
    const { stdout } = await promisify(execFile)('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-t']);
    const pid = Number.parseInt(stdout, 10);
    return Number.isNaN(pid) ? undefined : pid;
  } catch {
    // lsof exits with 1 when nothing matches.
    return undefined;
  }
}
