/** Exports of the whole catalog: how fast, and with how much memory. */
import { get } from 'node:http';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { format, markdownTable } from '@catalog/testing';
import type { Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { cpu_s } from '../stack/processor-time.ts';
import { memoryHeadroom_MiB, mostMemory_MiB } from '../stack/watch.ts';
import { addProducts } from '../products/more-products.ts';

const goal_rowsPerSecond = 50_000;
/** The generated products are in 50 categories. */
const aTenth = `&category=${[0, 1, 2, 3, 4].map((n) => `category-${n}`).join(',')}`;

interface Run {
  readonly format: string;
  readonly rows: number;
  readonly seconds: number;
  readonly read_cpu_s: number;
  readonly postgres_cpu_s: number;
  readonly most_MiB: number;
}

export async function measureExports(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { catalog, say } = bench;
  const formats = ['csv', 'ndjson'];
  const { rows: counted } = await catalog.query<{ products: number }>(
    "select count(*)::integer as products from catalog.products where status = 'active'",
  );
  await addProducts(catalog, Math.max(0, sizes.exportRows - (counted[0]?.products ?? 0)));
  await catalog.query('vacuum analyze catalog.products');
  const runs: Run[] = [];
  for (const filter of [aTenth, '']) {
    for (const each of formats) {
      const run = await measure(bench, each, filter);
      say(
        `${run.rows} rows as ${each}: ${run.seconds.toFixed(1)} s, ${format(run.rows / run.seconds)} rows/s`,
      );
      runs.push(run);
    }
  }
  const [small, large] = [runs.slice(0, formats.length), runs.slice(formats.length)];
  const slowest = Math.min(...large.map(({ rows, seconds }) => rows / seconds));
  const most = (of: readonly Run[]) => Math.max(...of.map(({ most_MiB }) => most_MiB));
  return {
    name: 'exports',
    title: `Exports of ${large[0]?.rows.toLocaleString('en')} rows`,
    method:
      'GET /v1/products/export of the local stack, read as fast as it comes. The CPU time tells how long the export would take on one core that does nothing else.',
    table: markdownTable(
      ['rows', 'format', 'elapsed', 'rows/s', 'CPU catalog-read + Postgres', 'memory of catalog-read'],
      runs.map((run) => [
        run.rows.toLocaleString('en'),
        run.format,
        `${run.seconds.toFixed(1)} s`,
        format(run.rows / run.seconds),
        `${run.read_cpu_s.toFixed(1)} + ${run.postgres_cpu_s.toFixed(1)} s`,
        `${run.most_MiB.toFixed(0)} MiB`,
      ]),
    ),
    goals: [
      {
        text: `at least ${format(slowest)} rows/s (goal: ${format(goal_rowsPerSecond)})`,
        met: slowest >= goal_rowsPerSecond,
      },
      {
        text: `memory does not grow with the export: ${most(large).toFixed(0)} MiB and ${most(small).toFixed(0)} MiB for the small one (goal: at most ${memoryHeadroom_MiB} MiB more)`,
        met: most(large) - most(small) <= memoryHeadroom_MiB,
      },
    ],
    plots: {},
  };
}

async function measure({ stack }: BenchStack, as: string, filter: string): Promise<Run> {
  const pids = await stack.pids();
  const read = pids['catalog-read'] ?? 0;
  const postgres = pids.postgres ?? 0;
  const before = { read: await cpu_s(read), postgres: await cpu_s(postgres) };
  const began_ms = performance.now();
  let rows = as === 'csv' ? -1 : 0;
  const most_MiB = await mostMemory_MiB(read, async () => {
    const call = get(`${stack.url('catalog-read')}/v1/products/export?format=${as}${filter}`);
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200)
      throw new Error(`catalog-read refused the export: ${response.statusCode}`);
    for await (const chunk of response as AsyncIterable<Buffer>) {
      // The generated products have no line end in a cell.
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) rows++;
    }
  });
  return {
    format: as,
    rows,
    seconds: (performance.now() - began_ms) / 1000,
    read_cpu_s: (await cpu_s(read)) - before.read,
    postgres_cpu_s: (await cpu_s(postgres)) - before.postgres,
    most_MiB,
  };
}
