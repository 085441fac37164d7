/** The report of a run: markdown with tables, JSON with all figures, and SVG plots beside them. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

export interface Section {
  readonly name: string;
  readonly title: string;
  /** Explains how it was measured. */
  readonly method: string;
  /** Lines of a markdown table. */
  readonly table: readonly string[];
  /** More lines of markdown. */
  readonly more?: readonly string[];
  readonly goals: readonly Goal[];
  /** By name. Names that begin with `ratio` are compared with the baseline: higher is better. */
  readonly figures?: Readonly<Record<string, number>>;
  /** The SVG by file name. */
  readonly plots: Readonly<Record<string, string>>;
}

export const atLeast = (text: string, value: number, goal: number): Goal => ({
  text: `${text}: ${value.toFixed(2)} (goal: at least ${goal})`,
  met: value >= goal,
});
export const atMost = (text: string, value: number, goal: number): Goal => ({
  text: `${text}: ${value.toFixed(2)} (goal: at most ${goal})`,
  met: value <= goal,
});

const folder = join(import.meta.dirname, '../../reports');

export const goalLines = (goals: readonly Goal[]): string[] =>
  goals.map(({ text, met }) => `- ${met ? '✔' : '✖ missed:'} ${text}`);

/** @returns the path of the markdown */
export async function writeReport(sections: readonly Section[], machine: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines = ['# Benchmark report', '', machine, ''];
  for (const { title, method, table, more = [], goals, plots } of sections) {
    lines.push(`## ${title}`, '', method, '', ...table, '', ...more, '', ...goalLines(goals), '');
    for (const [name, svg] of Object.entries(plots)) {
      await writeFile(join(folder, name), svg);
      lines.push(`![${name}](${name})`, '');
    }
  }
  const json = {
    machine,
    sections: sections.map(({ name, goals, figures = {} }) => ({ name, goals, figures })),
  };
  await writeFile(join(folder, 'report.json'), `${JSON.stringify(json, null, 2)}\n`);
  const file = join(folder, 'report.md');
  await writeFile(file, lines.join('\n'));
  return file;
}
