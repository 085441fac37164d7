import { readFile } from 'node:fs/promises';

/** Processor time of a process and of all its children, ended or running. 0 on other systems than Linux. */
export async function cpu_s(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 0;
  // It counts from the third field on, because the second may contain spaces: utime, stime, cutime, cstime in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / 100;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const running = await Promise.all(children.trim().split(' ').filter(Boolean).map(Number).map(cpu_s));
  return running.reduce((sum, seconds) => sum + seconds, own);
}
