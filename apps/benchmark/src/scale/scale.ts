/** Measures what one read and one change cost, and predicts the cost of a mixed load from that. Then it measures that load. */
import { loadSql } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { format, markdownTable } from '@catalog/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { cpuTime } from '../measuring/cpu.ts';
import { type Load, runLoad } from '../measuring/load.ts';
import { cores } from '../measuring/machine.ts';
import { pathFolder } from '../measuring/paths.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import { fillRedis } from '../reads/fill-redis.ts';
import type { Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { cpu_s } from '../stack/processor-time.ts';
import { coresOf, sharesOf, type Cores, type Costs } from './arithmetic.ts';
import { names, parts, planLines, softTtl_s } from './plan.ts';

const update = loadSql(import.meta.url, '../changes/update.sql');
const updaters = 8;
/** The channel on which readers hear changes (libs/cache/src/channel). */
const channel = 'invalidations';
/** Measured and predicted cores may differ by this factor. */
const tolerance = 1.3;

type Part = keyof Cores;
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
    state: running['state-redis'] ?? 0,
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
  await using operator = await operatorOf(bench);
  const before_bytes = await operator.used_bytes();
  await fillRedis(stack.url('catalog-read'), known);
  const redis_bytes = ((await operator.used_bytes()) - before_bytes) / known.length;

  const idle = await cpuUsed(pids, () => pause(scale.idle_s * 1_000));
  const idlePerSecond = each((part) => idle[part] / scale.idle_s);
  /** What the work costs, less what the processes use in the same time when nothing happens. */
  const cost = async (work: () => Promise<unknown>): Promise<Used> => {
    const began_ms = performance.now();
    const used = await cpuUsed(pids, work);
    const took_s = (performance.now() - began_ms) / 1_000;
    return each((part) => Math.max(0, used[part] - idlePerSecond[part] * took_s));
  };

  say('single costs');
  const read = async (load: Omit<Load, 'url'>): Promise<{ used: Used; requests: number }> => {
    let requests = 0;
    const used = await cost(async () => {
      const result = await runLoad({ url: reader.url, ...load });
      if (result.failed > 0) throw new Error(`${result.failed} of ${result.requests} reads failed.`);
      ({ requests } = result);
    });
    return { used, requests };
  };
  /** At the rate of the mixed load: of a server that is busy all the time, each turn of the event loop answers several requests. */
  const load = async (file: string) => {
    const perSecond = scale.readsPerSecond;
    const { used, requests } = await read({ seconds: sizes.round_s, paths: file, perSecond });
    return each((part) => used[part] / requests);
  };
  const hot = await paths('hot', known.slice(0, 1_000));
  // Once before it counts, as the changes below: compiled code, and full caches.
  await load(hot);
  const near = await load(hot);
  /** Reads nearly all of them, and none twice: wrk sends a little less than it is asked to. */
  const once = async (name: string, of: readonly string[]) => {
    const file = await paths(name, of);
    const seconds = Math.ceil(of.length / scale.oncePerSecond);
    const { used, requests } = await read({ seconds, paths: file, perSecond: of.length / seconds });
    return each((part) => used[part] / requests);
  };
  const redis = await once('redis', known.slice(1_000));
  const miss = await once('miss', unread);
  const memory = { redis: redis_bytes, nearCache: await nearBytes(reader.url) };
  await changeAt(bench, known, scale.changesPerSecond, scale.mixed_s / 2);
  const changeAll = () => changeAt(bench, known, scale.changesPerSecond, scale.mixed_s);
  const change = await cost(changeAll);
  const changes = scale.changesPerSecond * scale.mixed_s;
  const heard = await operator.whileListening(scale.listeners, () => cost(changeAll));
  const costs: Costs = {
    reader: {
      near: near.readers,
      redis: redis.readers,
      postgres: miss.readers,
      change: change.readers / changes,
    },
    redis: {
      read: redis.redis,
      change: change.redis / changes,
      listener: Math.max(0, heard.redis - change.redis) / (changes * scale.listeners),
    },
    state: { read: near.state, change: change.state / changes },
    postgres: { read: miss.postgres, change: change.postgres / changes },
    worker: { change: change.worker / changes },
  };

  say(`${format(scale.readsPerSecond)} reads and ${format(scale.changesPerSecond)} changes a second`);
  const drawn = await paths(
    'mixed',
    zipf(known.length, 50_000).map((n) => known[n] ?? ''),
  );
  const mix = (seconds: number) =>
    Promise.all([
      read({ seconds, paths: drawn, perSecond: scale.readsPerSecond }),
      changeAt(bench, known, scale.changesPerSecond, seconds),
    ]);
  await mix(scale.mixed_s / 2);
  const [{ used, requests }] = await mix(scale.mixed_s);
  const measured = each((part) => used[part] / (scale.mixed_s * 1e6));
  const workload = {
    readsPerSecond: requests / scale.mixed_s,
    changesPerSecond: scale.changesPerSecond,
    products: scale.products,
    readers: 1,
    nearEntries: scale.products,
    softTtl_s,
  };
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
        ['', 'computed', 'measured'],
        parts.map((part) => [names[part], expected[part].toFixed(3), measured[part].toFixed(3)]),
      ),
      '',
      ...planLines(costs, memory),
    ],
    goals: [
      {
        text: `computed and measured cores of each part differ by at most ${tolerance} times: ${worst.toFixed(2)} at most`,
        met: worst <= tolerance,
      },
    ],
    plots: {},
  };
}

const each = (read: (part: Part) => number): Used => ({
  readers: read('readers'),
  redis: read('redis'),
  state: read('state'),
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

/** The operator's connection to the cache Redis. */
async function operatorOf({ stack }: BenchStack) {
  const redis = new Redis(await stack.redisUrl('cache'));
  return {
    async used_bytes(): Promise<number> {
      return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
    },
    /** Runs the work while this number of further connections hears every change, as more processes of catalog-read would. */
    async whileListening<T>(listeners: number, work: () => Promise<T>): Promise<T> {
      const connections = Array.from({ length: listeners }, () => redis.duplicate());
      try {
        await Promise.all(connections.map((connection) => connection.subscribe(channel)));
        return await work();
      } finally {
        for (const connection of connections) connection.disconnect();
      }
    },
    async [Symbol.asyncDispose]() {
      await redis.quit();
    },
  };
}

async function nearBytes(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  const gauge = (name: string) =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)`, 'm').exec(metrics)?.[1]);
  return gauge('near_cache_bytes') / gauge('near_cache_entries');
}

function costTable({ reader, redis, state, worker, postgres }: Costs): string[] {
  const us = (value: number) => (value === 0 ? '' : `${format(value)} µs`);
  return markdownTable(
    ['CPU of', 'catalog-read', 'cache Redis', 'state Redis', 'invalidation-worker', 'Postgres'],
    [
      ['a near hit', us(reader.near), '', us(state.read), '', ''],
      ['a Redis hit', us(reader.redis), us(redis.read), us(state.read), '', ''],
      ['a miss', us(reader.postgres), '', us(state.read), '', us(postgres.read)],
      [
        'a change',
        `${us(reader.change)} in each process`,
        redis.listener === 0
          ? us(redis.change)
          : `${us(redis.change)}, and ${us(redis.listener)} for each process that listens`,
        us(state.change),
        us(worker.change),
        us(postgres.change),
      ],
    ],
  );
}
