import { randomFrom } from './load/random.ts';
import { story, summary, writeReport, type Run } from './report.ts';
import type { Row } from './rows/row.ts';
import { runRow, type RowResult } from './run-row.ts';
import { startSystem } from './system/system.ts';

export interface SuiteOptions {
  readonly rows: readonly Row[];
  readonly seed: number;
  /** Runs plain cache-aside instead of this system: it must fail. */
  readonly plain: boolean;
  /** Part of the matrix's long times that is waited for. */
  readonly patience: number;
  /** Runs rows at random until then, by the monotonic clock, instead of each once. */
  readonly until_ms?: number;
  readonly say: (line: string) => void;
}

/** Operations that a soak keeps for its plots; of the others only the counts are reported. */
export async function runSuite(options: SuiteOptions): Promise<Run & { readonly file: string }> {
  const { rows, seed, plain, patience, until_ms, say } = options;
  const random = randomFrom(seed);
  say(`starting ${plain ? 'the control: plain cache-aside' : 'the stack'} (seed ${seed})`);
  await using system = await startSystem(plain);
  const results: RowResult[] = [];
  const one = async (row: Row): Promise<void> => {
    const result = await runRow(row, system, random, patience);
    results.push(result);
    const { observed, violations, history } = result;
    const verdict = violations.length === 0 ? '✔' : '✖';
    say(`${verdict} ${row.id.padEnd(4)} ${row.fault} (${history.length} operations) ${observed.join('; ')}`);
    for (const line of story(result)) say(`    ${line}`);
  };
  if (until_ms === undefined) for (const row of rows) await one(row);
  else {
    while (performance.now() < until_ms) {
      const row = rows[Math.floor(random() * rows.length)];
      if (row !== undefined) await one(row);
    }
  }
  const run = { plain, seed, results };
  for (const line of summary(run)) say(line);
  const file = await writeReport(run);
  say(`report: ${file}`);
  return { ...run, file };
}
