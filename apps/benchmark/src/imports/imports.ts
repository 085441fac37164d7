/** Imports files of a few thousand and of a million rows through `POST /v1/imports`: new, unchanged, and a tenth changed. */
import { request } from 'node:http';
import { loadavg } from 'node:os';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { timings as cacheTimings } from '@catalog/cache/timings';
import { feedLimits } from '@catalog/change-feed';
import { importResultSchema, timings } from '@catalog/contracts';
import { format, lineChart, markdownTable } from '@catalog/testing';
import { percentile } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import { cpu_s } from '../stack/processor-time.ts';
import { drained, lastChange, type BenchStack } from '../stack/bench-stack.ts';
import { memoryHeadroom_MiB, most_MiB, stalenessPlot, startWatch, type Watch } from '../stack/watch.ts';
import { importFile, type ImportFile } from './import-file.ts';
import { watchQueue, type QueueSeen } from './watch-queue.ts';

interface Run {
  readonly name: string;
  readonly rows: number;
  readonly seconds: number;
  /** The time from the start until every change was applied to the cache. */
  readonly applied_s: number;
  /** Processor time of catalog-write, and of Postgres with all its sessions. */
  readonly write_cpu_s: number;
  readonly postgres_cpu_s: number;
  readonly load: number;
  readonly watch: Watch<'write' | 'worker'>;
  readonly changes: number;
  readonly queue: QueueSeen;
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
    Math.max(...of.map(({ watch }) => most_MiB(watch.memory[memory])));
  const others = largest.flatMap(({ watch }) => watch.probes.map(({ stale_ms }) => stale_ms));
  const worst_ms = Math.max(0, ...others);
  const mostJobs = Math.max(...runs.map(({ queue }) => queue.mostJobs));
  const mostBumps = Math.max(...runs.map(({ queue }) => queue.bumpsPerSecond));
  const jobsAtMost =
    feedLimits.waitingJobs + feedLimits.claimChanges / feedLimits.jobChanges + workerConcurrency;
  return {
    name: 'imports',
    title: `Imports of ${sizes.importRows.map((rows) => rows.toLocaleString('en')).join(' and ')} rows`,
    method:
      'CSV rows of about 280 bytes, sent to POST /v1/imports of the local stack as fast as it reads them. The stack does all its work: ' +
      'history, outbox, invalidation. Meanwhile other products are edited one after the other, and each is read until its new value comes. ' +
      'Jobs, waiting jobs and bumps of the list generation are sampled 50 times a second. Each of those edits may add a job and a bump. ' +
      'The CPU time tells how long the import would take on one core that does nothing else; the load is that of the whole machine.',
    table: markdownTable(
      [
        'rows',
        'file',
        'elapsed',
        'rows/s',
        'CPU write + Postgres',
        'load',
        'changes → jobs, bumps',
        'other edits',
        'applied after',
        'memory write / worker',
        'old value, not marked stale p50 / p99',
      ],
      runs.map((run) => [
        run.rows.toLocaleString('en'),
        run.name,
        `${run.seconds.toFixed(1)} s`,
        format(run.rows / run.seconds),
        `${run.write_cpu_s.toFixed(1)} + ${run.postgres_cpu_s.toFixed(1)} s`,
        run.load.toFixed(1),
        `${run.changes.toLocaleString('en')} → ${run.queue.jobs}, ${run.queue.bumps}`,
        String(run.watch.probes.length),
        `${run.applied_s.toFixed(1)} s`,
        `${most_MiB(run.watch.memory.write).toFixed(0)} / ${most_MiB(run.watch.memory.worker).toFixed(0)} MiB`,
        [0.5, 0.99]
          .map((part) => (run.watch.probes.length === 0 ? '–' : staleness_ms(run, part).toFixed(0)))
          .join(' / ') + ' ms',
      ]),
    ),
    goals: [
      {
        text: `at least ${format(Math.min(...rates))} rows/s for the large file (goal: ${format(goal_rowsPerSecond)})`,
        met: Math.min(...rates) >= goal_rowsPerSecond,
      },
      ...(['write', 'worker'] as const).map((memory) => {
        const [large_MiB, small_MiB] = [most(largest, memory), most(smallest, memory)];
        return {
          text:
            `memory of ${memory === 'write' ? 'catalog-write' : 'the worker'} does not grow with the file: ${large_MiB.toFixed(0)} MiB ` +
            `and ${small_MiB.toFixed(0)} MiB for the small one (goal: at most ${memoryHeadroom_MiB} MiB more)`,
          met: large_MiB - small_MiB <= memoryHeadroom_MiB,
        };
      }),
      {
        text: `at most ${mostJobs} jobs in the queue at once (limit: ${jobsAtMost})`,
        met: mostJobs <= jobsAtMost,
      },
      {
        text: `list generations bumped at most ${mostBumps.toFixed(1)} times a second (limit: ${1000 / cacheTimings.generationLeast_ms})`,
        met: mostBumps <= 1000 / cacheTimings.generationLeast_ms,
      },
      {
        text: `reads of other products stay within the bound: at most ${worst_ms.toFixed(0)} ms (bound ${timings.bound_ms} ms)`,
        met: worst_ms <= timings.bound_ms,
      },
    ],
    plots: {
      'imports-memory.svg': lineChart(
        'Memory during the first import of the large file',
        { x: 's', y: 'MiB' },
        [
          { label: 'catalog-write', points: largest[0]?.watch.memory.write ?? [] },
          { label: 'invalidation-worker', points: largest[0]?.watch.memory.worker ?? [] },
        ],
      ),
      'imports-others.svg': stalenessPlot(
        'Other products, edited during the first import of the large file',
        's',
        largest[0]?.watch.probes ?? [],
      ),
    },
  };
}

/** The jobs of both queues that the worker runs at the same time. */
const workerConcurrency = 2;

const staleness_ms = ({ watch }: Run, part: number): number =>
  percentile(
    watch.probes.map(({ stale_ms }) => stale_ms),
    part,
  );

async function measure(bench: BenchStack, name: string, file: ImportFile): Promise<Run> {
  const { stack, catalog } = bench;
  await drained(catalog);
  await catalog.query('checkpoint');
  const pids = await stack.pids();
  const pidOf = (service: 'catalog-write' | 'invalidation-worker') => pids[service] ?? 0;
  const outboxBefore = await lastChange(catalog);
  const cpuBefore = { write: await cpu_s(pidOf('catalog-write')), postgres: await cpu_s(pids.postgres ?? 0) };
  const over = new AbortController();
  const queue = watchQueue(bench, over.signal);
  const watch = startWatch(bench, { write: pidOf('catalog-write'), worker: pidOf('invalidation-worker') });
  await send(bench, file);
  const seconds = watch.since_s();
  const write_cpu_s = (await cpu_s(pidOf('catalog-write'))) - cpuBefore.write;
  const postgres_cpu_s = (await cpu_s(pids.postgres ?? 0)) - cpuBefore.postgres;
  const load = loadavg()[0] ?? 0;
  await drained(catalog, await lastChange(catalog));
  const applied_s = watch.since_s();
  over.abort();
  await watch.stop();
  return {
    name,
    rows: file.rows,
    seconds,
    applied_s,
    write_cpu_s,
    postgres_cpu_s,
    load,
    watch,
    // The edits of the probes do not belong to the import.
    changes: (await lastChange(catalog)) - outboxBefore - watch.probes.length,
    queue: await queue,
  };
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
  if (status !== 200) throw new Error(`catalog-write refused the import: ${status} ${body}`);
  const result = importResultSchema.parse(JSON.parse(body));
  if (result.state !== 'succeeded' || result.received !== file.rows)
    throw new Error(`The import failed: ${body}`);
}
