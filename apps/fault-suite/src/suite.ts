import { randomFrom, shuffled } from './load/random.ts';
import { outcomeOf, combine, type Outcome } from './report/outcome.ts';
import { summary, writeReport, type Run } from './report/report.ts';
import type { Row } from './rows/row.ts';
import { runRow } from './run-row.ts';
import { type ChangeSource, startSystem, type System } from './system/system.ts';

export interface SuiteOptions {
  readonly rows: readonly Row[];
  /** Rows that do not run, with the reason. */
  readonly excluded?: Run['skipped'];
  readonly seed: number;
  /** Runs plain cache-aside instead of this system. It must fail. */
  readonly plain: boolean;
  /** Runs with a Redis Cluster as the cache. */
  readonly cluster?: boolean;
  /** The outbox unless given. */
  readonly changeSource?: ChangeSource;
  /** The rows multiply the long waits of the fault matrix by this number: 0 to 1. */
  readonly patience: number;
  /** Until this time of the monotonic clock it runs all rows again and again, each round in a random order. */
  readonly until_ms?: number;
  /** Starts the system of the rows; without it the stack as it is. */
  readonly start?: () => Promise<System>;
  readonly say: (line: string) => void;
}

export async function runSuite(options: SuiteOptions): Promise<Run & { readonly file: string }> {
  const { rows, excluded = [], seed, plain, cluster = false, changeSource = 'outbox' } = options;
  const { patience, until_ms, say } = options;
  const start =
    options.start ??
    ((row: Row) => startSystem({ plain, replicated: row.replicated === true, cluster, changeSource }));
  const began_ms = performance.now();
  const random = randomFrom(seed);
  const skipped: Run['skipped'][number][] = [...excluded];
  const possible: Row[] = [];
  for (const row of rows) {
    const why = changeSource === 'slot' && row.outboxOnly ? row.outboxOnly : await row.impossible?.();
    if (why === undefined) possible.push(row);
    else skipped.push({ row, why });
  }
  for (const { row, why } of skipped) say(`– ${row.id.padEnd(4)} ${row.fault}: ${why}`);
  const what = plain
    ? 'the control: plain cache-aside'
    : `the stack${cluster ? ', with a Redis Cluster' : ''}`;
  say(`starting ${what} (seed ${seed})`);
  await using systems = new AsyncDisposableStack();
  const started = new Map<boolean, System>();
  /** The second system is started only if a row needs it. */
  const systemFor = async (row: Row): Promise<System> => {
    const replicated = row.replicated === true;
    const system = started.get(replicated) ?? systems.use(await start(row));
    started.set(replicated, system);
    return system;
  };
  const outcomes = new Map<string, Outcome>();
  const one = async (row: Row): Promise<void> => {
    const stage = { system: await systemFor(row), random, patience, soak: until_ms !== undefined };
    const outcome = outcomeOf(await runRow(row, stage));
    outcomes.set(row.id, combine(outcomes.get(row.id), outcome));
    const verdict = outcome.violations === 0 ? '✔' : '✖';
    const observed = outcome.observed.join('; ');
    say(`${verdict} ${row.id.padEnd(4)} ${row.fault} (${outcome.operations} operations) ${observed}`);
    for (const line of outcome.story) say(`    ${line}`);
  };
  if (until_ms === undefined) for (const row of possible) await one(row);
  else {
    // Each row runs once in a round, so that all run equally often.
    for (let round: Row[] = []; performance.now() < until_ms && possible.length > 0;) {
      if (round.length === 0) round = shuffled(possible, random);
      const row = round.pop();
      if (row !== undefined) await one(row);
    }
  }
  const run = {
    plain,
    cluster,
    seed,
    took_ms: performance.now() - began_ms,
    outcomes: rows.flatMap(({ id }) => outcomes.get(id) ?? []),
    skipped,
    kills: new Map([...started.values()].flatMap(({ kills }) => [...kills])),
  };
  for (const line of summary(run)) say(line);
  const file = await writeReport(run);
  say(`report: ${file}`);
  return { ...run, file };
}
