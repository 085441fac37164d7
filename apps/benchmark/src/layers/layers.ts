/** The table that tutorials print, measured here: Postgres, Redis and memory; sessions; and the reads that reach Postgres. */
import { Agent, get } from 'node:http';
import { loadSql } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { format, markdownTable } from '@catalog/testing';
import { Redis } from 'ioredis';
import pg from 'pg';
import { runLoad } from '../measuring/load.ts';
import { cores } from '../measuring/machine.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import { fillRedis } from '../reads/fill-redis.ts';
import { pathFolder } from '../measuring/paths.ts';
import { percentile } from '../report/percentiles.ts';
import { atLeast, atMost, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';

const sql = {
  product: loadSql(import.meta.url, '../contestants/product.sql'),
  sessions: loadSql(import.meta.url, './session-table.sql'),
  touch: loadSql(import.meta.url, './session-touch.sql'),
};
const products = 10_000;
const editsPerSecond = 20;
const callers = 16;

interface Layer {
  readonly label: string;
  /** One read, in turn over all products. */
  readonly read: (turn: number) => Promise<unknown>;
}

export async function measureLayers(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, catalog, peers, peersUrl, startReader, say } = bench;
  await using resources = new AsyncDisposableStack();
  const ids = await addProducts(catalog, products);
  const pool = new pg.Pool({ connectionString: await stack.databaseUrl(), max: callers });
  resources.defer(() => pool.end());
  const peersPool = new pg.Pool({ connectionString: peersUrl, max: callers });
  resources.defer(() => peersPool.end());
  const redis = new Redis(await stack.redisUrl('cache'));
  resources.defer(() => redis.disconnect());
  const reader = resources.use(await startReader(cores === undefined ? {} : { core: cores.measured }));
  const agent = new Agent({ keepAlive: true, maxSockets: callers });
  resources.defer(() => agent.destroy());

  const { rows } = await catalog.query<object>('select * from catalog.products where id = $1', [ids[0]]);
  const body = JSON.stringify(rows[0]);
  const fill = redis.pipeline();
  for (const id of ids) fill.set(`layer:${id}`, body);
  await peers.query(sql.sessions);
  for (let n = 1; n <= 1_000; n++)
    fill.set(`layer-session:session-${n}`, '{"user":1,"role":"viewer"}', 'EX', 1_800);
  await fill.exec();

  const id = (turn: number) => ids[turn % ids.length] ?? '';
  const session = (turn: number) => `session-${(turn % 1_000) + 1}`;
  const layers: Layer[] = [
    {
      label: 'Postgres, a product by id',
      read: (turn) => pool.query({ name: 'product', text: sql.product, values: [id(turn)] }),
    },
    { label: 'Redis, GET of a product', read: (turn) => redis.get(`layer:${id(turn)}`) },
    {
      label: 'near cache, a product over HTTP',
      read: (turn) => request(`${reader.url}/v1/products/${id(turn % 1_000)}`, agent),
    },
    {
      label: 'a session in Postgres: read and prolong',
      read: (turn) => peersPool.query({ name: 'touch', text: sql.touch, values: [session(turn)] }),
    },
    {
      label: 'a session in Redis: read and prolong',
      read: (turn) => redis.getex(`layer-session:${session(turn)}`, 'EX', 1_800),
    },
  ];
  const measured: { label: string; p50_us: number; p99_us: number; perSecond: number }[] = [];
  for (const layer of layers) {
    say(layer.label);
    measured.push(await measureLayer(layer, sizes.round_s));
  }
  const share = await shareOfPostgres(bench, reader.url, ids, sizes);
  const of = (part: string) => measured.find(({ label }) => label.startsWith(part));
  const sessions = (of('a session in Redis')?.perSecond ?? 0) / (of('a session in Postgres')?.perSecond ?? 1);
  const us = (value: number) => `${(value / 1_000).toFixed(2)} ms`;
  return {
    name: 'layers',
    title: 'Postgres, Redis and memory',
    method:
      'Each store is read through its usual client, first by one caller at a time (p50, p99), then by 16 callers (per second). ' +
      'The client shares the machine with the store. Tutorials print: Postgres 5 to 50 ms, Redis 0.1 to 1 ms, sessions ten ' +
      `times faster. Last, ${products} products are read by a Zipf law over HTTP while ${editsPerSecond} of them are edited a second.`,
    table: markdownTable(
      ['', 'p50', 'p99', 'per second, 16 callers'],
      measured.map(({ label, p50_us, p99_us, perSecond }) => [
        label,
        us(p50_us),
        us(p99_us),
        format(perSecond),
      ]),
    ),
    more: [
      `Reads that reached Postgres: ${(share * 100).toFixed(2)} %, in queries for up to 100 products. Sessions: Redis does ${sessions.toFixed(1)} times as many a second.`,
    ],
    goals: [
      atMost('share of the reads that reach Postgres', share, 0.05),
      atLeast('sessions per second: Redis ÷ Postgres', sessions, 1),
    ],
    figures: { 'reads that reach Postgres': share, sessions },
    plots: {},
  };
}

async function measureLayer({ label, read }: Layer, seconds: number) {
  for (let turn = 0; turn < 2_000; turn++) await read(turn);
  const times_us: number[] = [];
  const alone_ms = performance.now() + seconds * 1000;
  for (let turn = 0; performance.now() < alone_ms; turn++) {
    const began_ms = performance.now();
    await read(turn);
    times_us.push((performance.now() - began_ms) * 1_000);
  }
  let count = 0;
  const began_ms = performance.now();
  const end_ms = began_ms + seconds * 1000;
  const loop = async (first: number): Promise<void> => {
    for (let turn = first; performance.now() < end_ms; turn += callers, count++) await read(turn);
  };
  await Promise.all(Array.from({ length: callers }, (_, first) => loop(first)));
  const perSecond = count / ((performance.now() - began_ms) / 1000);
  return { label, p50_us: percentile(times_us, 0.5), p99_us: percentile(times_us, 0.99), perSecond };
}

function request(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', reject);
    }).on('error', reject);
  });
}

/** The share of all reads that were loaded from Postgres, under a Zipf load with edits. */
async function shareOfPostgres(
  { catalog }: BenchStack,
  url: string,
  ids: readonly string[],
  sizes: Sizes,
): Promise<number> {
  await using folder = await pathFolder();
  const drawn = zipf(ids.length, 20_000).map((n) => `/v1/products/${ids[n]}`);
  const { file } = await folder.write('zipf', drawn);
  const loaded = async (): Promise<number> => {
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const samples = metrics.matchAll(/^cache_loaded_keys_total\{[^}]*entity="product"[^}]*\} (\d+)/gm);
    return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
  };
  // Each product is in Redis before the load begins. So only edits and evictions send reads to Postgres.
  await fillRedis(url, ids);
  await runLoad({ url, paths: file, seconds: sizes.warm_s });
  const over = new AbortController();
  const editing = (async () => {
    for (let edit = 0; !over.signal.aborted; edit++) {
      await catalog.query('update catalog.products set price_minor = price_minor + 1 where id = $1', [
        ids[(edit * 7) % 1_000],
      ]);
      await pause(1_000 / editsPerSecond, over.signal);
    }
  })();
  const before = await loaded();
  const { requests } = await runLoad({ url, paths: file, seconds: 2 * sizes.round_s });
  const share = ((await loaded()) - before) / requests;
  over.abort();
  await editing;
  return share;
}
