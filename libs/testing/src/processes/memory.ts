import { readFile } from 'node:fs/promises';

/** The resident memory of one process, without that of its descendants. 0 once it has ended. */
export async function resident_MiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1024;
}
