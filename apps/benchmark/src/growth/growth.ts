/** Whether reads stay as fast, and memory bounded, when the catalog grows. */
import { format, markdownTable, resident_MiB } from '@catalog/testing';
import { Redis } from 'ioredis';
import { cores } from '../measuring/machine.ts';
import { besideMeasured } from '../measuring/pinning.ts';
import { cpuOf, measureInTurn, type Contestant } from '../measuring/rounds.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import { checkAnswers } from '../reads/answers.ts';
import { fillForRedisHits } from '../reads/fill-redis.ts';
import { goingOn, pathFolder, repeated } from '../measuring/paths.ts';
import { median } from '../report/percentiles.ts';
import { atLeast, type Section } from '../report/report.ts';
import { productsToMiss, type Sizes } from '../sizes.ts';
import type { BenchStack } from '../stack/bench-stack.ts';

/** Read often at every size. */
const hotProducts = 10_000;

const kinds = ['near hit', 'Redis hit', 'miss'] as const;
type Read = (typeof kinds)[number];

interface Measured {
  readonly products: number;
  /** What a read costs. */
  readonly reads: Readonly<Record<Read | 'bare', { readonly cpu_us: number; readonly timesBare: number }>>;
  readonly redisBytes: number;
  readonly nearBytes: number;
  readonly memory: Readonly<Record<string, number>>;
}

export async function measureGrowth(bench: BenchStack, sizes: Sizes): Promise<Section> {
  const redis = new Redis(await bench.stack.redisUrl('cache'));
  // The stack's own limit of 256 MB would evict most of a large catalog.
  await redis.config('SET', 'maxmemory', '4gb');
  const measured: Measured[] = [];
  try {
    for (const products of sizes.growth) {
      bench.say(`${format(products)} products or more`);
      measured.push(await measureAt(bench, redis, products, sizes));
    }
  } finally {
    await redis.config('SET', 'maxmemory', '256mb');
    redis.disconnect();
  }
  const [first] = measured;
  const last = measured.at(-1);
  if (first === undefined || last === undefined) throw new Error('There is no catalog size to measure.');
  const flatness = (kind: Read) => first.reads[kind].timesBare / last.reads[kind].timesBare;
  const us = (value: number) => (Number.isNaN(value) ? '–' : `${format(value)} µs`);
  return {
    name: 'growth',
    title: 'Growth of the catalog',
    method:
      `Near hits are reads of ${format(hotProducts)} products by a Zipf law, Redis hits are reads of ${format(sizes.inRedis)} others in ` +
      'turn, by another process, and misses are first reads. CPU of catalog-read per request. The catalogs are measured minutes apart, ' +
      'and the machine does not stay as fast, so reads are compared in parts of bare node:http, which is measured in turn with them. ' +
      'Memory is resident memory at the end.',
    table: markdownTable(
      ['products', 'bare node:http', ...kinds, 'bytes in Redis', 'bytes in the near cache', 'memory, MiB'],
      measured.map(({ products, reads, redisBytes, nearBytes, memory }) => [
        format(products),
        us(reads.bare.cpu_us),
        ...kinds.map((kind) => us(reads[kind].cpu_us)),
        format(redisBytes),
        format(nearBytes),
        Object.entries(memory)
          .map(([name, MiB]) => `${name} ${format(MiB)}`)
          .join(', '),
      ]),
    ),
    goals: [
      atLeast(
        `near hits: at ${format(first.products)} ÷ at ${format(last.products)} products`,
        flatness('near hit'),
        0.95,
      ),
      atLeast(`Redis hits: the same`, flatness('Redis hit'), 0.95),
      atLeast(`misses: the same`, flatness('miss'), 0.8),
    ],
    figures: { 'ratio near hits, small ÷ large catalog': flatness('near hit') },
    plots: {},
  };
}

/** @param atLeast products, or as many more as the reads need */
async function measureAt(bench: BenchStack, redis: Redis, atLeast: number, sizes: Sizes): Promise<Measured> {
  const { catalog, stack, startReader, startServer, say } = bench;
  const { inRedis, inNearCache } = sizes;
  const { rows: counted } = await catalog.query<{ count: number }>(
    'select count(*)::integer as count from catalog.products',
  );
  const fresh = productsToMiss(sizes);
  const before = counted[0]?.count ?? 0;
  const ids = await addProducts(
    catalog,
    Math.max(atLeast - before, hotProducts + inNearCache + inRedis + fresh),
  );
  const products = before + ids.length;
  await catalog.query('vacuum analyze catalog.products');
  await using resources = new AsyncDisposableStack();
  const onCore = cores === undefined ? {} : { core: cores.measured };
  const reader = resources.use(await startReader(onCore));
  const ofRedis = resources.use(await startReader(onCore));
  const folder = resources.use(await pathFolder());

  const path = (id: string | undefined) => `/v1/products/${id}`;
  const hot = await folder.write(
    'hot',
    zipf(hotProducts, 20_000).map((n) => path(ids[n])),
  );
  let taken = hotProducts;
  const take = (count: number) => ids.slice(taken, (taken += count));
  const other = take(inNearCache);
  const kept = take(inRedis);
  const cold = await folder.write('cold', kept.map(path));
  const never = await folder.write('never', take(fresh).map(path));
  const used = async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
  const usedBefore = await used();
  await fillForRedisHits(
    { measured: ofRedis.url, other: stack.url('catalog-read') },
    { inNearCache: other, inRedis: kept },
  );
  const redisBytes = ((await used()) - usedBefore) / (other.length + kept.length);

  const contestant = (
    name: string,
    { url, pid }: typeof reader,
    route: Contestant['route'],
    source: string,
  ): Contestant => ({
    name,
    label: `${name} at ${format(products)}`,
    url,
    pid,
    route,
    check: () =>
      checkAnswers(url, route.sample(), {
        pool: catalog,
        ...(sizes.checksSources && { source }),
      }),
  });
  const body = await (await fetch(`${reader.url}${path(ids[0])}`)).text();
  const bare = resources.use(await startServer('bare-http', { BODY: body }, onCore));
  const contestants = [
    {
      name: 'bare',
      label: 'bare node:http',
      url: bare.url,
      pid: bare.pid,
      route: repeated(hot),
      async check() {},
    },
    contestant('near hit', reader, repeated(hot), 'detail=near'),
    contestant('Redis hit', ofRedis, goingOn(cold), 'detail=redis'),
    contestant('miss', reader, goingOn(never, sizes.checksSources), 'fwd=miss'),
  ];
  const { rounds: count, round_s: seconds, warm_s } = sizes;
  const rounds = await besideMeasured([bench], () =>
    measureInTurn(contestants, { rounds: count, seconds, warm_s, say }),
  );
  const metrics = await (await fetch(`${reader.url}/metrics`)).text();
  const gauge = (name: string) => Number(new RegExp(`^${name}\\{[^}]*\\} (\\S+)`, 'm').exec(metrics)?.[1]);
  const pids = await stack.pids();
  const costOf = (name: Read | 'bare') => ({
    cpu_us: median(rounds.of(name).map(cpuOf)),
    timesBare: rounds.ratio(name, 'bare', cpuOf).median,
  });
  return {
    products,
    reads: {
      bare: costOf('bare'),
      'near hit': costOf('near hit'),
      'Redis hit': costOf('Redis hit'),
      miss: costOf('miss'),
    },
    redisBytes,
    nearBytes: gauge('near_cache_bytes') / gauge('near_cache_entries'),
    memory: {
      'catalog-read': await resident_MiB(reader.pid),
      worker: await resident_MiB(pids['invalidation-worker'] ?? 0),
      'cache Redis': await resident_MiB(pids['cache-redis'] ?? 0),
    },
  };
}
