/** The report: a table of rows with their violations, and a plot of staleness and errors for each row. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markdownTable } from '@catalog/testing';
import type { Row } from '../rows/row.ts';
import type { Outcome } from './outcome.ts';

const folder = join(import.meta.dirname, '../../reports');

export interface Run {
  readonly plain: boolean;
  readonly cluster: boolean;
  readonly seed: number;
  readonly took_ms: number;
  /** One for each row that ran. */
  readonly outcomes: readonly Outcome[];
  /** The rows that cannot run on this machine, with the reason. */
  readonly skipped: readonly { readonly row: Row; readonly why: string }[];
  /** By process: how often it was killed with SIGKILL. */
  readonly kills: ReadonlyMap<string, number>;
}

export function summary({ outcomes, skipped, plain, cluster, seed, took_ms, kills }: Run): string[] {
  const operations = outcomes.reduce((sum, outcome) => sum + outcome.operations, 0);
  const violations = outcomes.reduce((sum, outcome) => sum + outcome.violations, 0);
  const bound =
    violations === 0 && operations > 0
      ? `; with 95 % confidence at most ${(3 / operations).toExponential(1)} of the operations are wrong (3 in ${operations})`
      : '';
  const killed = [...kills].map(([name, count]) => `${count} × ${name}`).join(', ');
  return [
    `${plain ? 'plain cache-aside, the control' : `this system${cluster ? ' on a Redis Cluster' : ''}`}, seed ${seed}: ${operations} checked operations ` +
      `in ${(took_ms / 60_000).toFixed(1)} minutes, ${violations} violations${bound}`,
    ...(killed === '' ? [] : [`kill -9: ${killed}`]),
    ...skipped.map(({ row, why }) => `skipped: ${row.id} ${row.fault}: ${why}`),
  ];
}

/** @returns the path of the report */
export async function writeReport(run: Run): Promise<string> {
  await mkdir(folder, { recursive: true });
  const name = run.plain ? 'faults-control' : run.cluster ? 'faults-cluster' : 'faults';
  const lines = ['# Faults', '', new Date().toISOString(), ''];
  lines.push(...summary(run).flatMap((line) => [line, '']));
  lines.push(
    ...markdownTable(
      ['row', 'fault', 'injected', 'observed', 'runs', 'operations', 'violated', 'verdict'],
      run.outcomes.map(({ row, observed, worst, runs, operations, violated }) => [
        row.id,
        row.fault,
        row.injected,
        [...observed, describe(worst)].join('; '),
        String(runs),
        String(operations),
        violated.join(' ') || 'none',
        violated.length === 0 ? 'holds' : 'VIOLATED',
      ]),
    ),
    '',
  );
  for (const { row, plot, story } of run.outcomes) {
    const file = `${name}-${row.id.replace('+', '-')}.svg`;
    await writeFile(join(folder, file), plot);
    lines.push(`## ${row.id} ${row.fault}`, '', `![${file}](${file})`, '', ...story, '');
  }
  const file = join(folder, `${name}.md`);
  await writeFile(file, lines.join('\n'));
  return file;
}

function describe({ unmarkedStaleness_ms, markedStale, failed, refused }: Outcome['worst']): string {
  return (
    `unmarked answers at most ${unmarkedStaleness_ms.toFixed(0)} ms old, ${markedStale} reads marked stale, ` +
    `${failed} reads failed, ${refused} with Min-Version refused`
  );
}
