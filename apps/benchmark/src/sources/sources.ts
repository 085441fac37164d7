/** Compares the outbox with the change slot: commits, commit → fresh, and a mass change. */
import { Agent } from 'node:http';
import { loadSql } from '@catalog/database';
import { format, markdownTable } from '@catalog/testing';
import { updatesPerSecond } from '../commits/update-load.ts';
import { editAndAwait, type Side } from '../freshness/freshness.ts';
import { addProducts } from '../products/more-products.ts';
import { median, percentile } from '../report/percentiles.ts';
import { atLeast, atMost, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import { drained, useSource, type BenchStack } from '../stack/bench-stack.ts';
import { startWatch } from '../stack/watch.ts';
import { canPin, onTwoCores } from '../measuring/pinning.ts';

const tables = loadSql(import.meta.url, './tables.sql');
const rows = 8_000;
const hotKeys = 200;
const settings = 'set synchronous_commit = on';
const sources = ['outbox', 'slot'] as const;
type Source = (typeof sources)[number];

export async function measureSources(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { catalog, say } = bench;
  await catalog.query(tables);
  await drained(catalog);
  await catalog.query('vacuum analyze');
  const commits = { none: [] as number[], outbox: [] as number[], slot: [] as number[] };
  const fresh: Record<Source, number[]> = { outbox: [], slot: [] };
  const mass: Record<Source, MassChange[]> = { outbox: [], slot: [] };
  const massRows = Math.max(100, Math.floor(sizes.bulkRows / 10));
  await addProducts(catalog, massRows);
  try {
    for (let round = 0; round < sizes.rounds; round++) {
      for (const source of sources) {
        await useSource(catalog, source);
        commits.none.push(await commitRate(bench, 'catalog.unfed', sizes));
        commits[source].push(await commitRate(bench, 'catalog.fed', sizes));
        fresh[source].push(...(await freshTimes(bench, Math.ceil(sizes.edits / sizes.rounds))));
        if (round === 0) mass[source].push(await massChange(bench));
      }
      say(`round ${round + 1} of ${sizes.rounds}`);
    }
  } finally {
    await useSource(catalog, 'outbox');
  }
  const rate = (of: keyof typeof commits) => median(commits[of]);
  const toNone = (of: keyof typeof commits) => rate(of) / rate('none');
  const ms = (of: Source, share: number) => percentile(fresh[of], share);
  const one = (of: Source, name: keyof MassChange) => mass[of][0]?.[name] ?? 0;
  const labels = { outbox: 'outbox', slot: 'change slot' } as const;
  return {
    name: 'sources',
    title: 'The outbox and the change slot compared',
    method:
      `Commits: 16 clients update single rows (of ${rows}), with the whole feed at work` +
      ((await canPin())
        ? ' and the background processes of Postgres on a core of their own; clients and their sessions share the other core. '
        : '. ') +
      `Without a feed, the trigger draws a version and records nothing. Medians of ${sizes.rounds} rounds in turn. ` +
      `Commit → fresh: as in the section of that name. Mass change: one UPDATE of ${format(massRows)} rows, while other products are edited.`,
    table: markdownTable(
      ['', 'no feed', ...sources.map((source) => labels[source])],
      [
        [
          'commits/s (times no feed)',
          format(rate('none')),
          ...sources.map((of) => `${format(rate(of))} (${toNone(of).toFixed(2)})`),
        ],
        ...([0.5, 0.99] as const).map((share) => [
          `commit → fresh, p${share * 100}`,
          '',
          ...sources.map((of) => `${ms(of, share).toFixed(2)} ms`),
        ]),
        ['UPDATE of many rows', '', ...sources.map((of) => `${one(of, 'update_s').toFixed(1)} s`)],
        ['until all of it is applied', '', ...sources.map((of) => `${one(of, 'applied_s').toFixed(1)} s`)],
        [
          'oldest unmarked answer for another product',
          '',
          ...sources.map((of) => `${one(of, 'stale_ms').toFixed(0)} ms`),
        ],
      ],
    ),
    goals: [
      atLeast('commits with the slot ÷ without a feed', toNone('slot'), 0.9),
      atMost(
        "commit → fresh with the slot, p50 in parts of the outbox's",
        ms('slot', 0.5) / ms('outbox', 0.5),
        1.5,
      ),
      atMost(
        "commit → fresh with the slot, p99 in parts of the outbox's",
        ms('slot', 0.99) / ms('outbox', 0.99),
        1.5,
      ),
    ],
    plots: {},
  };
}

async function commitRate(bench: BenchStack, table: string, sizes: Sizes): Promise<number> {
  const url = await bench.stack.databaseUrl();
  const load = { pool: bench.catalog, url, table, rows, settings, duration_s: sizes.commits_s };
  const rate = await onTwoCores(bench, (onSessions) => updatesPerSecond({ ...load, onSessions }));
  await drained(bench.catalog);
  return rate;
}

async function freshTimes({ stack, catalog }: BenchStack, edits: number): Promise<number[]> {
  using resources = new DisposableStack();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());
  const { rows: found } = await catalog.query<{ id: string }>(
    `select id from catalog.products order by sku limit ${hotKeys}`,
  );
  const side: Side = {
    name: 'this system',
    url: stack.url('catalog-read'),
    pool: catalog,
    table: 'catalog.products',
    ids: found.map(({ id }) => id),
    times_ms: [],
  };
  for (let edit = 0; edit < 20; edit++) await editAndAwait(side, agent);
  side.times_ms.length = 0;
  for (let edit = 0; edit < edits; edit++) await editAndAwait(side, agent);
  return side.times_ms;
}

interface MassChange {
  readonly update_s: number;
  /** From the beginning of the UPDATE. */
  readonly applied_s: number;
  readonly stale_ms: number;
}

async function massChange(bench: BenchStack): Promise<MassChange> {
  const { stack, catalog } = bench;
  await catalog.query('checkpoint');
  const watch = startWatch(bench, { worker: (await stack.pids())['invalidation-worker'] ?? 0 });
  await catalog.query("update catalog.products set price_minor = price_minor + 1 where sku like 'GEN-%'");
  const update_s = watch.since_s();
  await drained(catalog);
  const applied_s = watch.since_s();
  await watch.stop();
  return { update_s, applied_s, stale_ms: Math.max(0, ...watch.probes.map(({ stale_ms }) => stale_ms)) };
}
