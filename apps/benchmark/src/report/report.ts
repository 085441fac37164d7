/** Writes the report: markdown with tables, and SVG plots beside it. */
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
  readonly goals: readonly Goal[];
  /** The SVG by file name. */
  readonly plots: Readonly<Record<string, string>>;
}

const folder = join(import.meta.dirname, '../../reports');

/** @returns the path of the report */
export async function writeReport(sections: readonly Section[], machine: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const lines = ['# Benchmark report', '', `${new Date().toISOString()}, ${machine}`, ''];
  for (const { title, method, table, goals, plots } of sections) {
    lines.push(`## ${title}`, '', method, '', ...table, '');
    for (const { text, met } of goals) lines.push(`- ${met ? '✔' : '✖ missed:'} ${text}`);
    lines.push('');
    for (const [name, svg] of Object.entries(plots)) {
      await writeFile(join(folder, name), svg);
      lines.push(`![${name}](${name})`, '');
    }
  }
  const name = sections.length === 1 ? `${sections[0]?.name}.md` : 'benchmark.md';
  const file = join(folder, name);
  await writeFile(file, lines.join('\n'));
  return file;
}
