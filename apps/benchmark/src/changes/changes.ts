/** Changes per second from commit to cache, and what a change costs the worker. */
import { loadSql } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { format, markdownTable } from '@catalog/testing';
import pg, { type Pool } from 'pg';
import { cpuBetween, cpuTime } from '../measuring/cpu.ts';
import { median, slope } from '../report/percentiles.ts';
import { atLeast, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import { drained, lastChange, type BenchStack } from '../stack/bench-stack.ts';

const clients = 16;
/** How often it looks whether the last change is applied: what a look is late counts as time that the feed took. */
const looks_ms = 5;
/** How often it counts the changes that wait, while others are committed. */
const betweenCounts_ms = 25;
/**
 * The part of a run in which both rates are counted. Before it, the changes on their way reach their usual number. After it, the
 * first clients may have ended.
 */
const counted = { from: 0.25, to: 0.95 } as const;
const update = loadSql(import.meta.url, './update.sql');

interface Round {
  readonly commits: number;
  readonly committing_s: number;
  /** While both were counted. */
  readonly appliedPerCommitted: number;
  /** From the last commit until every change is applied. */
  readonly behind_s: number;
  readonly workerCpu_us: number;
}

export async function measureChanges(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, catalog, say } = bench;
  const workerPid = (await stack.pids())['invalidation-worker'] ?? 0;
  const { rows } = await catalog.query<{ id: string }>('select id from catalog.products limit 5000');
  const ids = rows.map(({ id }) => id);
  const url = await stack.databaseUrl();
  const measured: Round[] = [];
  say('warming');
  await commitFor(url, ids, sizes.commits_s);
  for (let round = 0; round < sizes.rounds; round++) {
    await drained(catalog);
    const before = cpuTime([workerPid]);
    const began_ms = performance.now();
    const [commits, appliedPerCommitted] = await Promise.all([
      commitFor(url, ids, sizes.commits_s),
      appliedWhileCommitting(catalog, sizes.commits_s),
    ]);
    const committed_ms = performance.now();
    await drained(catalog, await lastChange(catalog), looks_ms);
    measured.push({
      commits,
      appliedPerCommitted,
      committing_s: (committed_ms - began_ms) / 1000,
      behind_s: (performance.now() - committed_ms) / 1000,
      workerCpu_us: (cpuBetween(before, cpuTime([workerPid]))?.used_us ?? Number.NaN) / commits,
    });
    say(`round ${round + 1} of ${sizes.rounds}: ${format(commits)} commits`);
  }
  const of = (read: (round: Round) => number) => median(measured.map(read));
  const commitsPerSecond = of(({ commits, committing_s }) => commits / committing_s);
  const behind_s = of((round) => round.behind_s);
  const ratio = of((round) => round.appliedPerCommitted);
  return {
    name: 'changes',
    title: 'Changes per second, from commit to cache',
    method:
      `${clients} clients commit updates of one row each for ${sizes.commits_s} s, while the feed applies them; ${sizes.rounds} ` +
      `rounds. From ${counted.from * 100} to ${counted.to * 100} % of that time, the changes that wait are counted every ` +
      `${betweenCounts_ms} ms. What is committed and not applied is how much their number grows with the commits: the slope of the ` +
      'line with the least squares.',
    table: markdownTable(
      ['', ''],
      [
        ['commits per second', format(commitsPerSecond)],
        ['changes applied per second', format(ratio * commitsPerSecond)],
        ['last change applied after the last commit', `${format(behind_s * 1000)} ms`],
        ['CPU of the worker per change', `${format(of((round) => round.workerCpu_us))} µs`],
      ],
    ),
    goals: [atLeast('changes applied ÷ single-row commits beside it', ratio, 0.995)],
    figures: { 'ratio applied ÷ commits': ratio, commitsPerSecond },
    plots: {},
  };
}

/**
 * A feed that keeps up has a number of waiting changes that goes up and down, but does not grow.
 *
 * @returns how many changes were applied for each that was committed
 */
async function appliedWhileCommitting(catalog: Pool, seconds: number): Promise<number> {
  const looks: [committed: number, waiting: number][] = [];
  await pause(counted.from * seconds * 1_000);
  const end_ms = performance.now() + (counted.to - counted.from) * seconds * 1_000;
  while (performance.now() < end_ms || looks.length < 2) {
    const { rows } = await catalog.query<{ waiting: number }>(
      'select count(*)::int as waiting from catalog.outbox where applied_at is null',
    );
    looks.push([await lastChange(catalog), rows[0]?.waiting ?? 0]);
    await pause(betweenCounts_ms);
  }
  return 1 - slope(looks);
}

async function commitFor(url: string, ids: readonly string[], seconds: number): Promise<number> {
  const end_ms = performance.now() + seconds * 1000;
  const counts = await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      const connection = new pg.Client({ connectionString: url });
      await connection.connect();
      let commits = 0;
      for (; performance.now() < end_ms; commits++) {
        const id = ids[(commits * clients + client) % ids.length];
        await connection.query({ name: 'update', text: update, values: [id] });
      }
      await connection.end();
      return commits;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
