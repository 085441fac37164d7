/** How fast one, two and four workers apply a backlog of changes. */
import type { Pool } from '@catalog/database';
import { type LocalStack, startWorker } from '@catalog/testing';
import { cpuBetween, cpuTime } from '../measuring/cpu.ts';
import { median } from '../report/percentiles.ts';
import { drained } from '../stack/bench-stack.ts';

const workerCounts = [1, 2, 4];

export interface BacklogResult {
  readonly workers: number;
  readonly changesPerSecond: number;
  /** Of all workers together. */
  readonly cpuPerChange_us: number;
}

interface BacklogOptions {
  readonly stack: LocalStack;
  readonly catalog: Pool;
  /** The products that change, each once in a round. */
  readonly ids: readonly string[];
  readonly rounds: number;
  readonly say: (line: string) => void;
}

export async function measureBacklog({
  stack,
  catalog,
  ids,
  rounds,
  say,
}: BacklogOptions): Promise<BacklogResult[]> {
  await using more = new AsyncDisposableStack();
  const pids = [(await stack.pids())['invalidation-worker'] ?? 0];
  const signalAll = (signal: NodeJS.Signals) => pids.forEach((pid) => process.kill(pid, signal));
  // The connection limit of the role is meant for one worker.
  await catalog.query('alter role invalidation_worker connection limit -1');
  const results: BacklogResult[] = [];
  for (const workers of workerCounts) {
    while (pids.length < workers) pids.push(more.use(await startWorker(stack)).pid);
    say(`${workers} workers, ${ids.length} changes that wait`);
    const measured: { readonly perSecond: number; readonly cpu_us: number }[] = [];
    for (let round = 0; round < rounds; round++) {
      signalAll('SIGSTOP');
      try {
        await catalog.query('update catalog.products set price_minor = price_minor + 1 where id = any ($1)', [
          ids,
        ]);
      } finally {
        signalAll('SIGCONT');
      }
      const before = cpuTime(pids);
      const began_ms = performance.now();
      await drained(catalog);
      const took_s = (performance.now() - began_ms) / 1_000;
      measured.push({
        perSecond: ids.length / took_s,
        cpu_us: (cpuBetween(before, cpuTime(pids))?.used_us ?? Number.NaN) / ids.length,
      });
    }
    results.push({
      workers,
      changesPerSecond: median(measured.map(({ perSecond }) => perSecond)),
      cpuPerChange_us: median(measured.map(({ cpu_us }) => cpu_us)),
    });
  }
  return results;
}
