/** The report: a table of rows, what each violated, and how staleness and errors went over time. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { lineChart, markdownTable } from '@catalog/testing';
import { staleness_ms } from './history/checker.ts';
import type { Operation } from './history/operation.ts';
import type { RowResult } from './run-row.ts';
import { elsewhere } from './rows/rows.ts';

const folder = join(import.meta.dirname, '../reports');
const bucket_ms = 100;

export interface Run {
  readonly plain: boolean;
  readonly seed: number;
  readonly results: readonly RowResult[];
}

export function summary({ results, plain, seed }: Run): string[] {
  const operations = results.reduce((sum, { history }) => sum + history.length, 0);
  const violations = results.reduce((sum, result) => sum + result.violations.length, 0);
  const bound =
    violations === 0 && operations > 0
      ? `; at 95 % at most ${(3 / operations).toExponential(1)} of operations are wrong (3 in ${operations})`
      : '';
  return [
    `${plain ? 'plain cache-aside, the control' : 'this system'}, seed ${seed}: ` +
      `${operations} checked operations, ${violations} violations${bound}`,
  ];
}

/** @returns where it was written */
export async function writeReport(run: Run): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = run.plain ? 'faults-control' : 'faults';
  const lines = ['# Faults', '', new Date().toISOString(), '', ...summary(run), ''];
  lines.push(
    ...markdownTable(
      ['row', 'fault', 'injected', 'observed', 'operations', 'violated', 'verdict'],
      run.results.map(({ row, observed, history, violations }) => [
        row.id,
        row.fault,
        row.injected,
        [...observed, worst(history)].join('; '),
        String(history.length),
        [...new Set(violations.map(({ invariant }) => invariant))].join(' ') || 'none',
        violations.length === 0 ? 'holds' : 'VIOLATED',
      ]),
    ),
    '',
    'Rows of the matrix that this suite does not inject:',
    '',
    ...Object.entries(elsewhere).map(([row, where]) => `- ${row}: ${where}`),
    '',
  );
  for (const result of run.results) {
    const file = `${name}-${result.row.id.replace('+', '-')}.svg`;
    await writeFile(join(folder, file), timeline(result));
    lines.push(`## ${result.row.id} ${result.row.fault}`, '', `![${file}](${file})`, '');
    lines.push(...story(result), '');
  }
  const file = join(folder, `${name}.md`);
  await writeFile(file, lines.join('\n'));
  return file;
}

/** The first violations, each with the operations that contradict each other. */
export function story({ violations, fault }: RowResult): string[] {
  return violations
    .slice(0, 10)
    .flatMap(({ invariant, text, operations }) => [
      `- ${invariant}: ${text}`,
      ...operations.map(
        ({ client, kind, start_ms, end_ms, version, said }) =>
          `  - ${client} ${kind} ${(start_ms - fault.from_ms).toFixed(0)} … ${(end_ms - fault.from_ms).toFixed(0)} ms after the fault began: ${version ?? ''} ${said ?? ''}`,
      ),
    ]);
}

function worst(history: readonly Operation[]): string {
  const points = staleness(history);
  const unsaid = Math.max(
    0,
    ...points.filter(({ read }) => read.stale !== true).map(({ behind_ms }) => behind_ms),
  );
  const failed = history.filter(({ kind, outcome }) => kind === 'read' && outcome !== 'ok').length;
  const marked = history.filter(({ stale }) => stale === true).length;
  return `behind by at most ${unsaid.toFixed(0)} ms without a word, ${marked} reads marked stale, ${failed} reads failed`;
}

function staleness(history: readonly Operation[]): { read: Operation; behind_ms: number }[] {
  const changes = Map.groupBy(
    history.filter(({ kind, outcome }) => kind !== 'read' && outcome === 'ok'),
    ({ key }) => key,
  );
  return history
    .filter(({ kind, outcome }) => kind === 'read' && outcome === 'ok')
    .map((read) => ({ read, behind_ms: staleness_ms(read, changes.get(read.key) ?? []) }));
}

function timeline({ row, history, fault }: RowResult): string {
  const start_ms = Math.min(...history.map((operation) => operation.start_ms));
  const series = (points: readonly (readonly [at_ms: number, value: number])[], by: 'max' | 'sum') => {
    const buckets = new Map<number, number>();
    for (const [at_ms, value] of points) {
      const bucket = Math.floor((at_ms - start_ms) / bucket_ms);
      const before = buckets.get(bucket) ?? 0;
      buckets.set(bucket, by === 'max' ? Math.max(before, value) : before + value);
    }
    const last = Math.max(0, ...buckets.keys());
    return Array.from({ length: last + 1 }, (_, bucket): [number, number] => [
      (bucket * bucket_ms) / 1000,
      buckets.get(bucket) ?? 0,
    ]);
  };
  const points = staleness(history);
  const of = (stale: boolean) =>
    points
      .filter(({ read }) => (read.stale === true) === stale)
      .map(({ read, behind_ms }): [number, number] => [read.start_ms, behind_ms]);
  const failed = history.filter(({ kind, outcome }) => kind === 'read' && outcome !== 'ok');
  const [from_s, to_s] = [fault.from_ms, fault.to_ms].map((at_ms) => ((at_ms - start_ms) / 1000).toFixed(1));
  return lineChart(
    `Row ${row.id}: ${row.fault} (${from_s} … ${to_s} s)`,
    { x: 's', y: 'ms behind; reads failed per 100 ms' },
    [
      { label: 'behind, without a word', points: series(of(false), 'max') },
      { label: 'behind, marked stale', points: series(of(true), 'max') },
      {
        label: 'reads failed',
        points: series(
          failed.map((read): [number, number] => [read.start_ms, 1]),
          'sum',
        ),
      },
    ],
  );
}
