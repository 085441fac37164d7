/** Runs the chosen benchmarks in turn on one stack, and writes the report. */
import { cpus, totalmem } from 'node:os';
import { measureBulkUpdate } from './bulk/bulk-update.ts';
import { measureCommits } from './commits/commits.ts';
import { measureFreshness } from './freshness/freshness.ts';
import { measureImports } from './imports/imports.ts';
import { writeReport, type Section } from './report/report.ts';
import type { Sizes } from './sizes.ts';
import { drained, startBenchStack, type BenchStack } from './stack/bench-stack.ts';
import { measureThroughput } from './throughput/throughput.ts';

export const benchmarkNames = {
  freshness: 'time from commit to a fresh read, compared with NOTIFY → BullMQ → DEL',
  throughput:
    'near hits, Redis hits and misses of catalog-read on one core, compared with bare Express and node:http',
  commits: 'commits per second with 16 clients, for different triggers',
  bulk: 'one UPDATE over a million rows',
  imports: 'files of 8 thousand and a million rows: new, unchanged, and a tenth changed',
} as const;
type Name = keyof typeof benchmarkNames;

const benchmarks: Readonly<Record<Name, (stack: BenchStack, sizes: Sizes) => Promise<Section>>> = {
  throughput: measureThroughput,
  freshness: measureFreshness,
  commits: measureCommits,
  // These come last, because each leaves a million rows behind.
  bulk: measureBulkUpdate,
  imports: measureImports,
};

export interface RunOptions {
  /** Runs all benchmarks if empty. */
  readonly names: readonly string[];
  readonly sizes: Sizes;
  readonly say: (line: string) => void;
}

/** @returns the sections of the report, and its path */
export async function runBenchmarks({
  names,
  sizes,
  say,
}: RunOptions): Promise<{ sections: Section[]; file: string }> {
  const chosen = (Object.keys(benchmarks) as Name[]).filter(
    (name) => names.length === 0 || names.includes(name),
  );
  say('starting a new stack');
  await using stack = await startBenchStack(say);
  const sections: Section[] = [];
  for (const name of chosen) {
    say(`\n── ${name}: ${benchmarkNames[name]} ──`);
    const began_ms = performance.now();
    await drained(stack.catalog);
    const section = await benchmarks[name](stack, sizes);
    say(`(${Math.round((performance.now() - began_ms) / 1000)} s)`);
    sections.push(section);
    for (const line of section.table) say(line);
    for (const { text, met } of section.goals) say(`${met ? '✔' : '✖'} ${text}`);
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  const file = await writeReport(sections, machine);
  say(`\nreport: ${file}`);
  return { sections, file };
}
