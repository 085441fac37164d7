/** Files of a few thousand and of a million rows through `POST /v1/imports`: new, unchanged, and a tenth changed. */
import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { loadavg } from 'node:os';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { timings as cacheTimings } from '@catalog/cache/timings';
import { feedLimits } from '@catalog/change-feed';
import { importResultSchema, timings } from '@catalog/contracts';
import { eventually, format, lineChart, markdownTable } from '@catalog/testing';
import { percentile } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import { drained, lastChange, type BenchStack } from '../stack/bench-stack.ts';
import { memoryHeadroom_MiB, probeOthers, watchMemory, type Probe } from '../stack/watch.ts';
import { importFile, type ImportFile } from './import-file.ts';
import { watchQueue, type QueueSeen } from './watch-queue.ts';

interface Run {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  /** From the start until every change was applied to the cache. */
  readonly applied_s: number;
  /** Processor time: of catalog-write, and of Postgres with all its sessions. */
  readonly write_cpu_s: number;
  readonly postgres_cpu_s: number;
  readonly load: number;
  readonly write: Memory;
  readonly worker: Memory;
  readonly changes: number;
  readonly queue: QueueSeen;
  readonly probes: readonly Probe[];
}

interface Memory {
  readonly most_MiB: number;
  readonly samples: readonly [number, number][];
}

const goal_rowsPerSecond = 10_000;

export async function measureImports(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const runs: Run[] = [];
  for (const rows of sizes.importRows) {
    for (const [name, tenthChanged] of [
      ['new', false],
      ['again, unchanged', false],
      ['a tenth changed', true],
    ] as const) {
      const run = await measure(bench, name, { rows, tenthChanged });
      bench.say(
        `${rows} rows, ${name}: ${run.seconds.toFixed(1)} s, ${format(rows / run.seconds)} rows/s (load ${run.load.toFixed(1)})`,
      );
      runs.push(run);
    }
  }
  const largest = runs.filter(({ rows }) => rows === Math.max(...sizes.importRows));
  const smallest = runs.filter(({ rows }) => rows === Math.min(...sizes.importRows));
  const rates = largest.map(({ rows, seconds }) => rows / seconds);
  const most = (of: readonly Run[], memory: 'write' | 'worker') =>
    Math.max(...of.map((run) => run[memory].most_MiB));
  const others = largest.flatMap(({ probes }) => probes.map(({ unsaid_ms }) => unsaid_ms));
  const worst_ms = Math.max(0, ...others);
  const mostJobs = Math.max(...runs.map(({ queue }) => queue.mostJobs));
  const mostBumps = Math.max(...runs.map(({ queue }) => queue.bumpsPerSecond));
  const jobsAtMost =
    feedLimits.waitingJobs + feedLimits.claimChanges / feedLimits.jobChanges + workerConcurrency;
  return {
    name: 'imports',
    title: `Imports of ${sizes.importRows.map((rows) => rows.toLocaleString('en')).join(' and ')} rows`,
    method:
      'CSV rows of about 280 bytes, sent to POST /v1/imports of the local stack as fast as it takes them; with them goes everything that ' +
      'the stack does besides: history, outbox, invalidation. Meanwhile another product is edited and read until the new value comes. ' +
      'Jobs, waiting jobs and bumps of the generation of lists are looked at 50 times a second; each of those edits may make one of both too. Processor time says what the elapsed ' +
      'time would be where nothing else runs; the load is that of the whole machine.',
    table: markdownTable(
      [
        'rows',
        'file',
        'elapsed',
        'rows/s',
        'CPU write + Postgres',
        'load',
        'changes → jobs, bumps',
        'edits of others',
        'applied after',
        'memory write / worker',
        'others old, unsaid p50 / p99',
      ],
      runs.map((run) => [
        run.rows.toLocaleString('en'),
        run.name,
        `${run.seconds.toFixed(1)} s`,
        format(run.rows / run.seconds),
        `${run.write_cpu_s.toFixed(1)} + ${run.postgres_cpu_s.toFixed(1)} s`,
        run.load.toFixed(1),
        `${run.changes.toLocaleString('en')} → ${run.queue.jobs}, ${run.queue.bumps}`,
        String(run.probes.length),
        `${run.applied_s.toFixed(1)} s`,
        `${run.write.most_MiB.toFixed(0)} / ${run.worker.most_MiB.toFixed(0)} MiB`,
        [0.5, 0.99]
          .map((part) => (run.probes.length === 0 ? '–' : unsaid(run, part).toFixed(0)))
          .join(' / ') + ' ms',
      ]),
    ),
    goals: [
      {
        text: `at least ${format(Math.min(...rates))} rows/s of the large file (goal: ${format(goal_rowsPerSecond)})`,
        met: Math.min(...rates) >= goal_rowsPerSecond,
      },
      ...(['write', 'worker'] as const).map((memory) => {
        const [large_MiB, small_MiB] = [most(largest, memory), most(smallest, memory)];
        return {
          text:
            `memory of ${memory === 'write' ? 'catalog-write' : 'the worker'} does not grow with the file: ${large_MiB.toFixed(0)} MiB ` +
            `against ${small_MiB.toFixed(0)} MiB for the small one (goal: at most ${memoryHeadroom_MiB} MiB more)`,
          met: large_MiB - small_MiB <= memoryHeadroom_MiB,
        };
      }),
      {
        text: `at most ${mostJobs} jobs in the queue at once (limit: ${jobsAtMost})`,
        met: mostJobs <= jobsAtMost,
      },
      {
        text: `lists bumped at most ${mostBumps.toFixed(1)} times a second (limit: ${1000 / cacheTimings.generationBump_ms})`,
        met: mostBumps <= 1000 / cacheTimings.generationBump_ms,
      },
      {
        text: `other products within the bound meanwhile: at most ${worst_ms.toFixed(0)} ms (bound ${timings.bound_ms} ms)`,
        met: worst_ms <= timings.bound_ms,
      },
    ],
    plots: {
      'imports-memory.svg': lineChart(
        'Memory while the large file goes in for the first time',
        { x: 's', y: 'MiB' },
        [
          { label: 'catalog-write', points: largest[0]?.write.samples ?? [] },
          { label: 'invalidation-worker', points: largest[0]?.worker.samples ?? [] },
        ],
      ),
      'imports-others.svg': lineChart(
        'Another product, edited while the large file goes in for the first time',
        { x: 's', y: 'ms' },
        [
          {
            label: 'old value without a word',
            points: (largest[0]?.probes ?? []).map((probe): [number, number] => [
              probe.since_s,
              probe.unsaid_ms,
            ]),
          },
        ],
      ),
    },
  };
}

/** Jobs that the worker works on at once, of both queues. */
const workerConcurrency = 2;

const unsaid = (run: Run, part: number): number =>
  percentile(
    run.probes.map(({ unsaid_ms }) => unsaid_ms),
    part,
  );

async function measure(bench: BenchStack, name: string, file: ImportFile): Promise<Run> {
  const { stack, catalog } = bench;
  await drained(catalog);
  await catalog.query('checkpoint');
  const pids = await stack.pids();
  const pidOf = (service: 'catalog-write' | 'invalidation-worker') => pids[service] ?? 0;
  const outboxBefore = await lastChange(bench.catalog);
  const cpuBefore = { write: await cpu_s(pidOf('catalog-write')), postgres: await cpu_s(pids.postgres ?? 0) };
  const began_ms = performance.now();
  const since_s = () => (performance.now() - began_ms) / 1000;
  const over = new AbortController();
  const memory = { write: [] as [number, number][], worker: [] as [number, number][] };
  const probes: Probe[] = [];
  const queue = watchQueue(bench, over.signal);
  const watching = Promise.all([
    watchMemory(pidOf('catalog-write'), since_s, memory.write, over.signal),
    watchMemory(pidOf('invalidation-worker'), since_s, memory.worker, over.signal),
    probeOthers(bench, since_s, probes, over.signal),
  ]);
  await send(bench, file);
  const seconds = since_s();
  const write_cpu_s = (await cpu_s(pidOf('catalog-write'))) - cpuBefore.write;
  const postgres_cpu_s = (await cpu_s(pids.postgres ?? 0)) - cpuBefore.postgres;
  const load = loadavg()[0] ?? 0;
  await appliedUpTo(bench, await lastChange(bench.catalog));
  const applied_s = since_s();
  over.abort();
  await watching;
  return {
    name,
    rows: file.rows,
    seconds,
    applied_s,
    write_cpu_s,
    postgres_cpu_s,
    load,
    write: memoryOf(memory.write),
    worker: memoryOf(memory.worker),
    // The probes' own edits are not the import's.
    changes: (await lastChange(bench.catalog)) - outboxBefore - probes.length,
    queue: await queue,
    probes,
  };
}

const memoryOf = (samples: readonly [number, number][]): Memory => ({
  most_MiB: Math.max(...samples.map(([, MiB]) => MiB)),
  samples,
});

/** Later changes, such as the edits of the probe, do not count. */
async function appliedUpTo({ catalog }: BenchStack, seq: number): Promise<void> {
  await eventually(
    async () => {
      const { rowCount } = await catalog.query(
        'select from catalog.outbox where applied_at is null and seq <= $1 limit 1',
        [seq],
      );
      return rowCount === 0;
    },
    { timeout_ms: 600_000, interval_ms: 100 },
  );
}

async function send({ stack }: BenchStack, file: ImportFile): Promise<void> {
  const token = await stack.token('catalog-write', 'catalog:write');
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const call = request(`${stack.url('catalog-write')}/v1/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'text/csv' },
  });
  call.on('error', reject);
  call.on('response', (response) => {
    text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
  });
  Readable.from(importFile(file)).pipe(call);
  const { status, body } = await promise;
  if (status !== 200) throw new Error(`the import was refused: ${status} ${body}`);
  const result = importResultSchema.parse(JSON.parse(body));
  if (result.state !== 'succeeded' || result.received !== file.rows) throw new Error(`not imported: ${body}`);
}

/** Processor time of a process and of those of its children that have ended or still run; Linux only, else 0. */
async function cpu_s(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return 0;
  // From the third field on, since the second may hold spaces: utime, stime, cutime, cstime in ticks of 10 ms.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const own = [11, 12, 13, 14].reduce((sum, field) => sum + Number(fields[field]), 0) / 100;
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const running = await Promise.all(children.trim().split(' ').filter(Boolean).map(Number).map(cpu_s));
  return running.reduce((sum, seconds) => sum + seconds, own);
}
