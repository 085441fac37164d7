/** Redis hits of a cluster of three masters compared with one server, and changes that several workers apply to the cluster. */
import { availableParallelism } from 'node:os';
import { createPool, type Pool } from '@catalog/database';
import {
  format,
  markdownTable,
  stackPlace,
  startLocalStack,
  startReader,
  startRedisCluster,
  type LocalStack,
} from '@catalog/testing';
import { cores } from '../measuring/machine.ts';
import { goingOn, pathFolder, type PathFolder } from '../measuring/paths.ts';
import {
  cpuOf,
  measureInTurn,
  redisCpuOf,
  throughputOf,
  type Contestant,
  type Rounds,
} from '../measuring/rounds.ts';
import { addProducts } from '../products/more-products.ts';
import { besideMeasured } from '../measuring/pinning.ts';
import { checkAnswers } from '../reads/answers.ts';
import { fillForRedisHits } from '../reads/fill-redis.ts';
import { median } from '../report/percentiles.ts';
import { atLeast, atMost, type Section } from '../report/report.ts';
import type { Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { type BacklogResult, measureBacklog } from './backlog.ts';

const masters = 3;
/** Of the cache Redis of the local stack. */
const config = { maxmemory: '256mb', 'maxmemory-policy': 'allkeys-lfu' };

/** Of the load generator: nearly as many as catalog-read serves to one address in a turn of its event loop. */
const connections = 60;

interface Cache {
  readonly name: 'one-server' | 'three-masters';
  readonly label: string;
  readonly stack: LocalStack;
  readonly catalog: Pool;
  readonly redisPids: readonly number[];
}

export async function measureCluster({ stack, catalog, say }: BenchStack, sizes: Sizes): Promise<Section> {
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await pathFolder());
  say('starting a second stack, with a cluster as its cache');
  const cluster = resources.use(await startRedisCluster({ config }));
  const place = resources.use(await stackPlace());
  const other = resources.use(await startLocalStack(place, { env: { CACHE_REDIS_URL: cluster.url } }));
  const ofOther = createPool({
    url: await other.databaseUrl(),
    applicationName: 'benchmark',
    statementTimeout_ms: 0,
  });
  resources.defer(() => ofOther.end());
  const caches: readonly Cache[] = [
    {
      name: 'one-server',
      label: 'one server',
      stack,
      catalog,
      redisPids: [(await stack.pids())['cache-redis'] ?? 0],
    },
    {
      name: 'three-masters',
      label: 'three masters',
      stack: other,
      catalog: ofOther,
      redisPids: cluster.nodes.slice(0, masters).map(({ pid }) => pid),
    },
  ];
  const contestants: Contestant[] = [];
  let ids: string[] = [];
  for (const cache of caches) {
    say(`filling ${cache.name} with ${sizes.inRedis} products`);
    ids = await addProducts(cache.catalog, sizes.inNearCache + sizes.inRedis);
    await cache.catalog.query('vacuum analyze catalog.products');
    contestants.push(await contestantOf(cache, ids, sizes, folder, resources));
  }
  const [oneServer, threeMasters] = contestants;
  if (oneServer === undefined || threeMasters === undefined) throw new Error('Two caches are compared.');
  const itsShare: Contestant = {
    ...oneServer,
    name: 'one-server-share',
    label: 'one server, a third of the connections',
    connections: connections / masters,
  };
  const measured = [oneServer, threeMasters, itsShare];
  const { rounds: count, round_s: seconds, warm_s } = sizes;
  const rounds = await besideMeasured(
    caches,
    () => measureInTurn(measured, { rounds: count, seconds, warm_s, say }),
    cluster.nodes.map(({ pid }) => pid),
  );
  const backlog = await measureBacklog({
    stack: other,
    catalog: ofOther,
    ids: ids.slice(0, sizes.backlog),
    rounds: sizes.rounds,
    say,
  });
  return section(measured, rounds, backlog, sizes);
}

async function contestantOf(
  { name, label, stack, catalog, redisPids }: Cache,
  ids: readonly string[],
  sizes: Sizes,
  folder: PathFolder,
  resources: Pick<AsyncDisposableStack, 'use'>,
): Promise<Contestant> {
  const reader = resources.use(await startReader(stack, cores === undefined ? {} : { core: cores.measured }));
  const inRedis = ids.slice(sizes.inNearCache);
  await fillForRedisHits(
    { measured: reader.url, other: stack.url('catalog-read') },
    { inNearCache: ids.slice(0, sizes.inNearCache), inRedis },
  );
  const paths = await folder.write(
    name,
    inRedis.map((id) => `/v1/products/${id}`),
  );
  const route = goingOn(paths);
  return {
    name,
    label,
    url: reader.url,
    pid: reader.pid,
    redisPids,
    route,
    connections,
    check: () =>
      checkAnswers(reader.url, route.sample(), {
        pool: catalog,
        ...(sizes.checksSources && { source: 'hit; detail=redis' }),
      }),
  };
}

function section(
  contestants: readonly Contestant[],
  rounds: Rounds,
  backlog: readonly BacklogResult[],
  sizes: Sizes,
): Section {
  const cpu = rounds.ratio('three-masters', 'one-server', cpuOf).median;
  // Keys spread evenly, so each master does a third of the work.
  const shards = masters * rounds.ratio('one-server-share', 'three-masters', redisCpuOf).median;
  const redisCpu = (name: string) => median(rounds.of(name).map(redisCpuOf));
  return {
    name: 'cluster',
    title: 'A Redis Cluster as the cache',
    method:
      `Redis hits of ${sizes.inRedis} products in turn, more than a near cache holds. One reader had the cache Redis of the local ` +
      'stack, the other one a cluster of three masters and three replicas; each had one core. The load came over ' +
      `${connections} connections. Reads that are made at the same time share a call to Redis, so a server that gets a third of ` +
      'them works more for each. To tell what three servers can answer, one server was measured with a third of the connections, ' +
      'too. Redis is counted by its CPU time: the machine has too few cores to fill three masters. Second table: all workers were ' +
      'paused while one statement changed many products; the time counts from the moment at which the workers went on until all ' +
      'changes are applied to the cluster. ' +
      `Workers, Postgres and all Redis servers share ${availableParallelism()} cores.`,
    table: markdownTable(
      ['', 'CPU per hit', 'requests/s on one core', 'CPU of all Redis servers per hit'],
      contestants.map(({ name, label }) => [
        label,
        `${format(median(rounds.of(name).map(cpuOf)))} µs`,
        format(throughputOf(rounds.of(name)).perSecond),
        `${format(redisCpu(name))} µs`,
      ]),
    ),
    more: [
      `Hits that Redis can answer, three masters ÷ one server, by CPU time: ${shards.toFixed(2)}.`,
      '',
      ...markdownTable(
        ['workers', 'changes applied per second', 'CPU of all workers per change'],
        backlog.map(({ workers, changesPerSecond, cpuPerChange_us }) => [
          String(workers),
          format(changesPerSecond),
          `${format(cpuPerChange_us)} µs`,
        ]),
      ),
    ],
    goals: [
      atMost('CPU of the reader per Redis hit: three masters ÷ one server', cpu, 1.15),
      atLeast('Redis hits that Redis can answer: three masters ÷ one server', shards, 2.4),
    ],
    figures: {
      'ratio Redis hits: one server ÷ three masters': 1 / cpu,
      'ratio Redis hits that Redis can answer: three masters ÷ one server': shards,
      ...Object.fromEntries(
        backlog.map(({ workers, changesPerSecond }) => [`changesPerSecond of ${workers}`, changesPerSecond]),
      ),
    },
    plots: {},
  };
}
