import { randomFrom } from './load/random.ts';
import { outcomeOf, together, type Outcome } from './report/outcome.ts';
import { summary, writeReport, type Run } from './report/report.ts';
import type { Row } from './rows/row.ts';
import { runRow } from './run-row.ts';
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

export async function runSuite(options: SuiteOptions): Promise<Run & { readonly file: string }> {
  const { rows, seed, plain, patience, until_ms, say } = options;
  const began_ms = performance.now();
  const random = randomFrom(seed);
  const skipped: Run['skipped'][number][] = [];
  const possible: Row[] = [];
  for (const row of rows) {
    const why = await row.impossible?.();
    if (why === undefined) possible.push(row);
    else {
      skipped.push({ row, why });
      say(`– ${row.id.padEnd(4)} ${row.fault}: ${why}`);
    }
  }
  say(`starting ${plain ? 'the control: plain cache-aside' : 'the stack'} (seed ${seed})`);
  await using system = await startSystem(plain);
  const outcomes = new Map<string, Outcome>();
  const one = async (row: Row): Promise<void> => {
    const stage = { system, random, patience, soak: until_ms !== undefined };
    const outcome = outcomeOf(await runRow(row, stage));
    outcomes.set(row.id, together(outcomes.get(row.id), outcome));
    const verdict = outcome.violations === 0 ? '✔' : '✖';
    const seen = outcome.observed.join('; ');
    say(`${verdict} ${row.id.padEnd(4)} ${row.fault} (${outcome.operations} operations) ${seen}`);
    for (const line of outcome.story) say(`    ${line}`);
  };
  if (until_ms === undefined) for (const row of possible) await one(row);
  else {
    const often = possible.filter((row) => row.often);
    while (performance.now() < until_ms) {
      const among = often.length > 0 && random() < 0.2 ? often : possible;
      const row = among[Math.floor(random() * among.length)];
      if (row !== undefined) await one(row);
    }
  }
  const run = {
    plain,
    seed,
    took_ms: performance.now() - began_ms,
    outcomes: rows.flatMap(({ id }) => outcomes.get(id) ?? []),
    skipped,
    kills: system.kills,
  };
  for (const line of summary(run)) say(line);
  const file = await writeReport(run);
  say(`report: ${file}`);
  return { ...run, file };
}
