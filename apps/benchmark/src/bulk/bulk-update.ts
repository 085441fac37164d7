/** One UPDATE over a million rows: the cost of the triggers, and how the feed applies the changes. */
import { timings } from '@catalog/contracts';
import { loadSql, type Pool } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { Redis } from 'ioredis';
import { percentile } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import { markdownTable, format, lineChart } from '@catalog/testing';
import { drained, lastChange, type BenchStack } from '../stack/bench-stack.ts';
import {
  memoryHeadroom_MiB,
  most_MiB,
  mostMemory_MiB,
  read,
  stalenessPlot,
  startWatch,
} from '../stack/watch.ts';
import type { Sizes } from '../sizes.ts';
import { addProducts } from '../products/more-products.ts';

const cachedKeys = 2_000;
const update = "update catalog.products set price_minor = price_minor + 1 where sku like 'GEN-%'";
/** A tenth of the rows, which is many times a batch of the worker. */
const tenth = update.replace("'GEN-%'", "'GEN-%0'");
const onPeers = (statement: string): string => statement.replace('catalog.products', 'catalog.bulk');

export async function measureBulkUpdate(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, catalog, peers, say } = bench;
  const existing = await count(catalog);
  const ids = await addProducts(catalog, Math.max(0, sizes.bulkRows - existing));
  await fillPeers(peers, sizes.bulkRows);
  say(`${sizes.bulkRows} rows exist, with and without triggers`);

  const worker = (await stack.pids())['invalidation-worker'] ?? 0;
  const small_MiB = await mostMemory_MiB(worker, async () => {
    await catalog.query(tenth);
    await drained(catalog, await lastChange(catalog));
  });
  say(`a tenth of the rows: the worker used at most ${small_MiB.toFixed(0)} MiB`);

  await peers.query(onPeers(tenth));
  const without_s = await timed(peers, onPeers(update));
  say(`without triggers ${without_s.toFixed(1)} s`);

  for (const id of ids.slice(0, cachedKeys)) await read(stack.url('catalog-read'), id);
  const backlog: [number, number][] = [];
  const watch = startWatch(bench, { worker });
  const with_s = await timed(catalog, update);
  say(`with triggers ${with_s.toFixed(1)} s`);
  await applied(catalog, (waiting) => backlog.push([watch.since_s(), waiting]));
  const drained_s = watch.since_s();
  await watch.stop();
  // The reader may hear of the last changes up to the bound later.
  await pause(timings.bound_ms);
  const wrong = await wrongEntries(bench);
  const ratio = with_s / without_s;
  const large_MiB = most_MiB(watch.memory.worker);
  const stale_ms = watch.probes.map((probe) => probe.stale_ms);
  const worst_ms = Math.max(...stale_ms);
  return {
    name: 'bulk',
    title: `One UPDATE over ${sizes.bulkRows.toLocaleString('en')} rows`,
    method:
      'The same rows and indexes, with our triggers and without any. Meanwhile other products are edited one after the other, and ' +
      'each is read over HTTP until its new value comes. At the end every entry in Redis is compared with Postgres.',
    table: markdownTable(
      ['', ''],
      [
        ['UPDATE without triggers', `${without_s.toFixed(1)} s`],
        ['UPDATE with triggers', `${with_s.toFixed(1)} s`],
        ['time until all changes are applied', `${drained_s.toFixed(1)} s`],
        ['changes applied per second', format(sizes.bulkRows / Math.max(0.001, drained_s - with_s))],
        [
          'most memory of the worker, for a tenth of the rows / for all',
          `${small_MiB.toFixed(0)} / ${large_MiB.toFixed(0)} MiB`,
        ],
        ['edits of other products meanwhile', String(watch.probes.length)],
        [
          'time that reads showed their old value, not marked stale: p50 / p99 / max',
          [0.5, 0.99, 1].map((part) => percentile(stale_ms, part).toFixed(0)).join(' / ') + ' ms',
        ],
        ['entries in Redis at the end / wrong', `${wrong.looked} / ${wrong.wrong}`],
      ],
    ),
    goals: [
      { text: `${ratio.toFixed(2)} times the time without triggers (goal: at most 1.7)`, met: ratio <= 1.7 },
      {
        text: `every cached key is right at the end: ${wrong.wrong} of ${wrong.looked} are wrong`,
        met: wrong.wrong === 0,
      },
      {
        text: `reads of other products stay within the bound: at most ${worst_ms.toFixed(0)} ms (bound ${timings.bound_ms} ms)`,
        met: worst_ms <= timings.bound_ms,
      },
      {
        text:
          `the worker's memory does not grow with the rows: ${large_MiB.toFixed(0)} MiB, and ${small_MiB.toFixed(0)} MiB ` +
          `for a tenth of them (goal: at most ${memoryHeadroom_MiB} MiB more)`,
        met: large_MiB - small_MiB <= memoryHeadroom_MiB,
      },
    ],
    plots: {
      'bulk-memory.svg': lineChart(
        'Memory of the invalidation worker',
        { x: 's since the UPDATE began', y: 'MiB' },
        [{ label: 'resident', points: watch.memory.worker }],
      ),
      'bulk-backlog.svg': lineChart(
        'Changes not yet applied',
        { x: 's since the UPDATE began', y: 'changes' },
        [{ label: 'in the outbox', points: backlog }],
      ),
      'bulk-others.svg': stalenessPlot(
        'Other products, edited meanwhile',
        's since the UPDATE began',
        watch.probes,
      ),
    },
  };
}

/** Resolves when every change committed before the call is applied. Reports the number of waiting changes. */
async function applied(catalog: Pool, onLook: (waiting: number) => void): Promise<void> {
  const last = await lastChange(catalog);
  for (let waiting = 1; waiting > 0; await pause(500)) {
    const { rows } = await catalog.query<{ waiting: number }>(
      'select count(*) as waiting from catalog.outbox where applied_at is null and seq <= $1',
      [last],
    );
    waiting = rows[0]?.waiting ?? 0;
    onLook(waiting);
  }
}

async function count(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: number }>(
    "select count(*) as count from catalog.products where sku like 'GEN-%'",
  );
  return rows[0]?.count ?? 0;
}

/** The same rows in a table without triggers. */
async function fillPeers(peers: Pool, rows: number): Promise<void> {
  await peers.query('create table catalog.bulk (like catalog.products including all) with (fillfactor = 85)');
  const insert = loadSql(import.meta.url, '../products/more-products.sql').replace(
    'catalog.products',
    'catalog.bulk',
  );
  await peers.query(insert.replace(/returning id\s*$/, ''), [rows]);
}

async function timed(pool: Pool, statement: string): Promise<number> {
  await pool.query('vacuum analyze');
  await pool.query('checkpoint');
  const began_ms = performance.now();
  await pool.query(statement);
  return (performance.now() - began_ms) / 1000;
}

/** Compares every product in Redis with its row. */
async function wrongEntries({ stack, catalog }: BenchStack): Promise<{ looked: number; wrong: number }> {
  const redis = new Redis(await stack.redisUrl('cache'));
  try {
    const { rows } = await catalog.query<{ id: string; price: number }>(
      'select id, price_minor as price from catalog.products',
    );
    const prices = new Map(rows.map(({ id, price }) => [id, price]));
    let looked = 0;
    let wrong = 0;
    for await (const keys of redis.scanStream({ match: 'product:*', count: 1_000 }) as AsyncIterable<
      string[]
    >) {
      await Promise.all(
        keys.map(async (key) => {
          const id = key.slice('product:'.length);
          const { price } = await read(stack.url('catalog-read'), id);
          looked += 1;
          if (price !== prices.get(id)) wrong += 1;
        }),
      );
    }
    return { looked, wrong };
  } finally {
    redis.disconnect();
  }
}
