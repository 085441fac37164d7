/** The time from COMMIT to the first fresh read, for the whole durable path and for the simplest chain. */
import { Agent, request } from 'node:http';
import type { Pool } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { distribution, percentile } from '../report/percentiles.ts';
import type { Section } from '../report/report.ts';
import { markdownTable, lineChart } from '@catalog/testing';
import type { BenchStack } from '../stack/bench-stack.ts';
import type { Sizes } from '../sizes.ts';
import { createPlainTable } from './plain-table.ts';

/** The sides alternate in blocks, so that other work of the machine disturbs both alike. */
const block = 50;
const hotKeys = 200;
/** Between two edits, so that some edits find the relay awake and some asleep. */
const longestPause_ms = 30;
/** Reading without a pause would take a core from the measured processes. */
const betweenReads_ms = 1;
const patience_ms = 10_000;

export interface Side {
  readonly name: string;
  readonly url: string;
  readonly pool: Pool;
  readonly table: string;
  readonly ids: readonly string[];
  readonly times_ms: number[];
}

export async function measureFreshness(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const { stack, peers, peersUrl, catalog, startServer, say } = bench;
  await createPlainTable(bench);
  await using resources = new AsyncDisposableStack();
  const env = {
    DATABASE_URL: peersUrl,
    CACHE_REDIS_URL: await stack.redisUrl('cache'),
    STATE_REDIS_URL: await stack.redisUrl('state'),
  };
  resources.use(await startServer('plain-chain', { ...env, CHANNEL: 'plain' }));
  const reader = resources.use(await startServer('plain-reader', env));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  resources.defer(() => agent.destroy());

  const ids = async (pool: Pool, table: string) => {
    const { rows } = await pool.query<{ id: string }>(
      `select id from ${table} order by sku limit ${hotKeys}`,
    );
    return rows.map(({ id }) => id);
  };
  const ours: Side = {
    name: 'this system',
    url: stack.url('catalog-read'),
    pool: catalog,
    table: 'catalog.products',
    ids: await ids(catalog, 'catalog.products'),
    times_ms: [],
  };
  const plain: Side = {
    name: 'NOTIFY → BullMQ → DEL',
    url: reader.url,
    pool: peers,
    table: 'catalog.plain',
    ids: await ids(peers, 'catalog.plain'),
    times_ms: [],
  };

  for (const side of [ours, plain]) for (let edit = 0; edit < 20; edit++) await editAndAwait(side, agent);
  for (const side of [ours, plain]) side.times_ms.length = 0;
  while (plain.times_ms.length < sizes.edits) {
    for (const side of [ours, plain]) {
      for (let edit = 0; edit < Math.min(block, sizes.edits); edit++) await editAndAwait(side, agent);
    }
    if (plain.times_ms.length % 500 === 0) say(`${plain.times_ms.length} edits each`);
  }

  const [p50, p99] = [0.5, 0.99].map(
    (part) => percentile(ours.times_ms, part) / percentile(plain.times_ms, part),
  );
  const row = ({ name, times_ms }: Side) => [
    name,
    String(times_ms.length),
    ...[0.5, 0.9, 0.99, 1].map((part) => `${percentile(times_ms, part).toFixed(2)} ms`),
  ];
  return {
    name: 'freshness',
    title: 'Time from commit to a fresh read',
    method:
      `One UPDATE of one row at a time, alternating in blocks of ${block}; then GET over HTTP, every millisecond, until the new ` +
      'value comes. The time counts from the answer to COMMIT to the arrival of the first fresh answer. The row is cached before ' +
      'each edit. Both chains run on the same Postgres and Redis servers, each in its own processes. Ours goes through the outbox, ' +
      'the doorbell, the relay, BullMQ, the script in Redis and the message to the near cache.',
    table: markdownTable(['chain', 'edits', 'p50', 'p90', 'p99', 'max'], [row(ours), row(plain)]),
    goals: [
      {
        text: `p50 is ${p50?.toFixed(2)} times that of the plain chain (goal: at most 1.5)`,
        met: (p50 ?? 9) <= 1.5,
      },
      {
        text: `p99 is ${p99?.toFixed(2)} times that of the plain chain (goal: at most 2)`,
        met: (p99 ?? 9) <= 2,
      },
    ],
    plots: {
      'freshness.svg': lineChart(
        'Time from commit to a fresh read',
        { x: 'ms (logarithmic)', y: '% of edits', logX: true },
        [ours, plain].map(({ name, times_ms }) => ({ label: name, points: distribution(times_ms) })),
      ),
    },
  };
}

export async function editAndAwait({ url, pool, table, ids, times_ms }: Side, agent: Agent): Promise<void> {
  const id = ids[Math.floor(Math.random() * ids.length)] ?? '';
  const path = `${url}/v1/products/${id}`;
  await get(path, agent);
  await pause(Math.random() * longestPause_ms);
  const { rows } = await pool.query<{ price: number }>(
    `update ${table} set price_minor = price_minor + 1 where id = $1 returning price_minor as price`,
    [id],
  );
  const committed_ms = performance.now();
  for (;;) {
    const body = await get(path, agent);
    const arrived_ms = performance.now();
    const price = Number(/"price(?:Minor|_minor)":"?(\d+)/.exec(body)?.[1]);
    if (price === rows[0]?.price) {
      times_ms.push(arrived_ms - committed_ms);
      return;
    }
    if (arrived_ms - committed_ms > patience_ms)
      throw new Error(`Reads of ${path} showed the old value for ${patience_ms} ms.`);
    await pause(betweenReads_ms);
  }
}

/** node:http over one kept connection. The measuring side must be cheaper than the measured one. */
function get(url: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    request(url, { agent }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve(body));
      response.on('error', reject);
    })
      .on('error', reject)
      .end();
  });
}
