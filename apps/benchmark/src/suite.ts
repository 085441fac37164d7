/** Runs the chosen benchmarks in turn on one stack, and writes the report. */
import { cpus, loadavg, totalmem } from 'node:os';
import { measureBulkUpdate } from './bulk/bulk-update.ts';
import { measureChanges } from './changes/changes.ts';
import { measureCluster } from './cluster/cluster.ts';
import { measureCommits } from './commits/commits.ts';
import { measureCores } from './cores/cores.ts';
import { measureExports } from './exports/exports.ts';
import { measureFreshness } from './freshness/freshness.ts';
import { measureGrowth } from './growth/growth.ts';
import { measureImports } from './imports/imports.ts';
import { measureLayers } from './layers/layers.ts';
import { measureLists } from './lists/lists.ts';
import { measureReads } from './reads/reads.ts';
import { measureScale } from './scale/scale.ts';
import { measureSources } from './sources/sources.ts';
import { writeReport, type Section } from './report/report.ts';
import type { Sizes } from './sizes.ts';
import { drained, startBenchStack, type BenchStack } from './stack/bench-stack.ts';

export interface Benchmark {
  readonly about: string;
  /** Whether `--quick` runs it. */
  readonly isQuick: boolean;
  readonly measure: (stack: BenchStack, sizes: Sizes) => Promise<Section>;
}

/** In the order in which they run. */
export const benchmarks: Readonly<Record<string, Benchmark>> = {
  freshness: {
    about: 'time from commit to a fresh read when idle, compared with NOTIFY → BullMQ → DEL',
    isQuick: true,
    measure: measureFreshness,
  },
  changes: {
    about: 'changes applied per second compared with commits, CPU of the worker per change',
    isQuick: true,
    measure: measureChanges,
  },
  layers: {
    about: 'Postgres, Redis and memory compared; sessions; the reads that reach Postgres',
    isQuick: false,
    measure: measureLayers,
  },
  reads: {
    about: 'hits, misses, batches and lists, compared with bare node:http, tutorials, other caches and nginx',
    isQuick: true,
    measure: measureReads,
  },
  cores: { about: 'two processes with WORKERS=2, compared with one', isQuick: false, measure: measureCores },
  commits: {
    about: 'commits per second with 16 clients, for different triggers',
    isQuick: false,
    measure: measureCommits,
  },
  sources: {
    about: 'the outbox and the change slot: commits, commit → fresh, a mass change',
    isQuick: false,
    measure: measureSources,
  },
  scale: {
    about:
      'the cost of a mixed load, compared with what single costs predict; the cost of a hundred times that load, computed',
    isQuick: false,
    measure: measureScale,
  },
  cluster: {
    about: 'Redis hits of a cluster of three masters, compared with one server; one, two and four workers',
    isQuick: false,
    measure: measureCluster,
  },
  // These come last, because each leaves a million rows behind.
  growth: {
    about: 'reads and memory with a catalog of a million products, with --large of five million',
    isQuick: false,
    measure: measureGrowth,
  },
  bulk: { about: 'one UPDATE over a million rows', isQuick: false, measure: measureBulkUpdate },
  imports: {
    about: 'files of 8 thousand and a million rows: new, unchanged, and a tenth changed',
    isQuick: false,
    measure: measureImports,
  },
  exports: {
    about: 'the whole catalog as CSV and as NDJSON: rows per second and memory',
    isQuick: false,
    measure: measureExports,
  },
  lists: {
    about: 'filters and sorts of a million products, one by one and together, compared with the plain list',
    isQuick: false,
    measure: measureLists,
  },
};

export interface RunOptions {
  readonly names: readonly string[];
  readonly sizes: Sizes;
  readonly say: (line: string) => void;
}

export interface Run {
  readonly sections: readonly Section[];
  /** The machine, the day, and how busy it was. */
  readonly machine: string;
  /** The path of the report. */
  readonly file: string;
}

export async function runBenchmarks({ names, sizes, say: print }: RunOptions): Promise<Run> {
  const started_ms = performance.now();
  const say = (line: string): void =>
    print(`${((performance.now() - started_ms) / 1000).toFixed(0).padStart(4)} s  ${line}`);
  const busyBefore = loadavg()[0] ?? 0;
  say('starting a new stack');
  await using stack = await startBenchStack(say);
  const sections: Section[] = [];
  for (const [name, { about, measure }] of Object.entries(benchmarks)) {
    if (!names.includes(name)) continue;
    say(`\n── ${name}: ${about} ──`);
    const began_ms = performance.now();
    await drained(stack.catalog);
    const section = await measure(stack, sizes);
    say(`(${Math.round((performance.now() - began_ms) / 1000)} s)`);
    sections.push(section);
    for (const line of [...section.table, ...(section.more ?? [])]) print(line);
    for (const { text, met } of section.goals) say(`${met ? '✔' : '✖'} ${text}`);
  }
  const machine =
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}. Other work before the run: ${busyBefore.toFixed(1)} ` +
    'processes wanted a core (load average of a minute).';
  const file = await writeReport(sections, machine);
  say(`\nreport: ${file}`);
  return { sections, machine, file };
}
