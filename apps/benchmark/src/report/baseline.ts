/** Compares the ratios of a run with those in baseline.json. Ratios of one run hardly depend on the machine. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { markdownTable } from '@catalog/testing';
import type { Section } from './report.ts';

const file = join(import.meta.dirname, '../../baseline.json');
/** Runs on a quiet machine differ by less. */
const tolerance = 0.15;

type Figures = Readonly<Record<string, number>>;

export const ratiosOf = (sections: readonly Section[]): Record<string, number> =>
  Object.fromEntries(
    sections.flatMap(({ figures = {} }) =>
      Object.entries(figures).filter(([name, value]) => name.startsWith('ratio ') && Number.isFinite(value)),
    ),
  );

export function compare(now: Figures, before: Figures): { lines: string[]; worse: string[] } {
  const rows: string[][] = [];
  const worse: string[] = [];
  for (const [name, value] of Object.entries(now)) {
    const old = before[name];
    if (old === undefined) continue;
    const change = value / old - 1;
    if (change < -tolerance) worse.push(name);
    const sign = change > 0 ? '+' : '';
    rows.push([
      name.slice('ratio '.length),
      old.toFixed(2),
      value.toFixed(2),
      `${sign}${(change * 100).toFixed(0)} %`,
    ]);
  }
  return { lines: markdownTable(['ratio', 'baseline', 'now', 'change'], rows), worse };
}

/** @returns undefined if no run has saved one */
export async function readBaseline(): Promise<Figures | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Figures;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Keeps the ratios of sections that were not measured. */
export async function saveBaseline(now: Figures): Promise<string> {
  const before = (await readBaseline()) ?? {};
  const rounded = Object.entries(now).map(([name, value]) => [name, Number(value.toFixed(3))] as const);
  const all = { ...before, ...Object.fromEntries(rounded) };
  await writeFile(file, `${JSON.stringify(all, null, 2)}\n`);
  return file;
}
