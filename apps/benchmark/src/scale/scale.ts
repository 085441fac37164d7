/** Measures what one read and one change cost, and predicts the cost of a mixed load from that. Then it measures that load. */
import { loadSql } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { format, markdownTable } from '@catalog/testing';
import pg from 'pg';
import { cpuTime } from '../measuring/cpu.ts';
import { runLoad } from '../measuring/load.ts';
import { cores } from '../measuring/machine.ts';
import { runPaced } from '../measuring/paced.ts';
import { pathFolder } from '../measuring/paths.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import { fillRedis } from '../reads/fill-redis.ts';
import type { Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { cpu_s } from '../stack/processor-time.ts';
import { coresOf, readersFor, sharesOf, type Cores, type Costs, type Shares } from './arithmetic.ts';

const update = loadSql(import.meta.url, '../changes/update.sql');
const updaters = 8;
const softTtl_s = 3_600;
/** Measured and predicted cores may differ by this factor. */
const tolerance = 1.3;
/** The part of a core that is planned for. */
const plannedPart = 0.7;

type Part = keyof Cores;
const parts: readonly Part[] = ['readers', 'redis', 'worker', 'postgres'];
type Pids = Readonly<Record<Part, number>>;

/** Microseconds of CPU that each part used. */
type Used = Record<Part, number>;

export async function measureScale(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, catalog, say } = bench;
  const { scale } = sizes;
  await using reader = await bench.startReader(cores === undefined ? {} : { core: cores.measured });
  const running = await stack.pids();
  const pids: Pids = {
    readers: reader.pid,
    redis: running['cache-redis'] ?? 0,
    worker: running['invalidation-worker'] ?? 0,
    postgres: running.postgres ?? 0,
  };
  await using folder = await pathFolder();
  const ids = await addProducts(catalog, scale.products + scale.unread);
  await catalog.query('vacuum analyze catalog.products');
  const [known, unread] = [ids.slice(0, scale.products), ids.slice(scale.products)];
  const paths = async (name: string, of: readonly string[]) =>
    (
      await folder.write(
        name,
        of.map((id) => `/v1/products/${id}`),
      )
    ).file;
  await fillRedis(stack.url('catalog-read'), known);

  const idle = await cpuUsed(pids, () => pause(scale.idle_s * 1_000));
  const idlePerSecond = each((part) => idle[part] / scale.idle_s);
  /** What the work cost beyond what the same time costs when nothing happens. */
  const cost = async (work: () => Promise<unknown>): Promise<Used> => {
    const began_ms = performance.now();
    const used = await cpuUsed(pids, work);
    const took_s = (performance.now() - began_ms) / 1_000;
    return each((part) => Math.max(0, used[part] - idlePerSecond[part] * took_s));
  };

  say('single costs');
  const load = async (file: string) => {
    let requests = 0;
    const used = await cost(async () => {
      ({ requests } = await runLoad({ url: reader.url, seconds: sizes.round_s, paths: file }));
    });
    return each((part) => used[part] / requests);
  };
  const hot = await paths('hot', known.slice(0, 1_000));
  // Twice: compiled code, and full caches.
  await load(hot);
  const near = await load(hot);
  const once = async (name: string, of: readonly string[]) => {
    const file = await paths(name, of);
    const used = await cost(() => runOnce(reader.url, file, of.length, sizes));
    return each((part) => used[part] / of.length);
  };
  const redis = await once('redis', known.slice(1_000));
  const miss = await once('miss', unread);
  const change = await cost(() => changeAt(bench, known, scale.changesPerSecond, scale.mixed_s));
  const changes = scale.changesPerSecond * scale.mixed_s;
  const costs: Costs = {
    reader: {
      near: near.readers,
      redis: redis.readers,
      postgres: miss.readers,
      change: change.readers / changes,
    },
    redis: { read: redis.redis, change: change.redis / changes },
    postgres: { read: miss.postgres, change: change.postgres / changes },
    worker: { change: change.worker / changes },
  };

  say(`${format(scale.readsPerSecond)} reads and ${format(scale.changesPerSecond)} changes a second`);
  const workload = {
    readsPerSecond: scale.readsPerSecond,
    changesPerSecond: scale.changesPerSecond,
    products: scale.products,
    readers: 1,
    nearEntries: scale.products,
    softTtl_s,
  };
  const drawn = await paths(
    'mixed',
    zipf(known.length, 50_000).map((n) => known[n] ?? ''),
  );
  const mix = (seconds: number) =>
    Promise.all([
      runPaced({ url: reader.url, seconds, paths: drawn, perSecond: scale.readsPerSecond }),
      changeAt(bench, known, scale.changesPerSecond, seconds),
    ]);
  await mix(scale.mixed_s / 2);
  const used = await cost(() => mix(scale.mixed_s));
  const measured = each((part) => used[part] / (scale.mixed_s * 1e6));
  const shares = sharesOf(workload);
  const expected = coresOf(workload, shares, costs);
  const ratio = (part: Part) => measured[part] / expected[part];
  const worst = Math.max(...parts.map((part) => Math.max(ratio(part), 1 / ratio(part))));

  return {
    name: 'scale',
    title: 'A load of this size, and a hundred times as much',
    method:
      'Each kind of read and change ran alone, less what the processes need when nothing happens; CPU of all threads. Then all ran ' +
      `together for ${scale.mixed_s} s: reads by a Zipf law from ${format(scale.products)} products, changes of any of them.`,
    table: costTable(costs),
    more: [
      `${format(scale.readsPerSecond)} reads and ${format(scale.changesPerSecond)} changes a second, in busy cores:`,
      '',
      ...markdownTable(
        ['', 'worked out', 'measured'],
        parts.map((part) => [names[part], expected[part].toFixed(3), measured[part].toFixed(3)]),
      ),
      '',
      ...planned(costs),
    ],
    goals: [
      {
        text: `each part within ${tolerance} times of what was worked out: ${worst.toFixed(2)} at most`,
        met: worst <= tolerance,
      },
    ],
    plots: {},
  };
}

const names: Readonly<Record<Part, string>> = {
  readers: 'catalog-read',
  redis: 'cache Redis',
  worker: 'invalidation-worker',
  postgres: 'Postgres',
};

const each = (read: (part: Part) => number): Used => ({
  readers: read('readers'),
  redis: read('redis'),
  worker: read('worker'),
  postgres: read('postgres'),
});

async function cpuUsed(pids: Pids, work: () => Promise<unknown>): Promise<Used> {
  const now = async () => {
    // With the sessions that have ended.
    const postgres = 1e6 * (await cpu_s(pids.postgres));
    return each((part) => (part === 'postgres' ? postgres : (cpuTime([pids[part]])?.used_us ?? Number.NaN)));
  };
  const before = await now();
  await work();
  const after = await now();
  return each((part) => after[part] - before[part]);
}

/** Asks for each path once. */
async function runOnce(url: string, file: string, paths: number, sizes: Sizes): Promise<void> {
  const perSecond = sizes.scale.oncePerSecond;
  // The client sends for half a second more, before it counts.
  const seconds = paths / perSecond - 0.5;
  const { requests, failed } = await runPaced({ url, seconds, paths: file, perSecond });
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} reads failed.`);
}

/** Changes one product after the other at this rate, each in a transaction of its own. */
async function changeAt(
  { stack }: BenchStack,
  ids: readonly string[],
  perSecond: number,
  seconds: number,
): Promise<void> {
  const url = await stack.databaseUrl();
  const began_ms = performance.now();
  await Promise.all(
    Array.from({ length: updaters }, async (_, updater) => {
      const connection = new pg.Client({ connectionString: url });
      await connection.connect();
      for (let n = updater; n < perSecond * seconds; n += updaters) {
        const wait_ms = began_ms + (n / perSecond) * 1_000 - performance.now();
        if (wait_ms > 1) await pause(wait_ms);
        await connection.query({ name: 'update', text: update, values: [ids[(n * 7_919) % ids.length]] });
      }
      await connection.end();
    }),
  );
}

function costTable({ reader, redis, worker, postgres }: Costs): string[] {
  const us = (value: number) => (value === 0 ? '' : `${format(value)} µs`);
  return markdownTable(
    ['CPU of', 'catalog-read', 'cache Redis', 'invalidation-worker', 'Postgres'],
    [
      ['a near hit', us(reader.near), '', '', ''],
      ['a Redis hit', us(reader.redis), us(redis.read), '', ''],
      ['a miss', us(reader.postgres), '', '', us(postgres.read)],
      [
        'a change',
        `${us(reader.change)} in each process`,
        us(redis.change),
        us(worker.change),
        us(postgres.change),
      ],
    ],
  );
}

const large = { readsPerSecond: 1_000_000, changesPerSecond: 100_000, products: 10_000_000, softTtl_s };

/** What a million reads and a hundred thousand changes a second need. */
function planned(costs: Costs): string[] {
  const workload = { ...large, nearEntries: 60_000 };
  const readers = readersFor(workload, costs, plannedPart);
  if (!Number.isFinite(readers))
    return [
      'A million reads and 100,000 changes a second: every reader would be busy with the changes alone.',
    ];
  const all = { ...workload, readers };
  const shares: Shares = sharesOf(all);
  const busy = coresOf(all, shares, costs);
  const planned = (part: Part) => Math.ceil(busy[part] / plannedPart);
  const percent = (part: number) => `${(100 * part).toFixed(1)} %`;
  return [
    `A million reads and 100,000 changes a second of ten million products, each core ${100 * plannedPart} % busy:`,
    '',
    ...markdownTable(
      ['', 'busy cores', 'planned'],
      [
        ['catalog-read', busy.readers.toFixed(0), `${readers} processes`],
        ['cache Redis', busy.redis.toFixed(1), `${planned('redis')} shards`],
        ['invalidation-worker', busy.worker.toFixed(1), `${planned('worker')} processes`],
        ['Postgres', busy.postgres.toFixed(0), `${planned('postgres')} cores`],
      ],
    ),
    '',
    `Near caches answer ${percent(shares.near)} of the reads, Redis ${percent(shares.redis)}, Postgres ${percent(shares.postgres)}.`,
  ];
}
