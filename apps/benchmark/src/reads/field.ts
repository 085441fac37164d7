/** Starts every way to read a product, each on the measured core, with the paths that are sent to it. */
import type { RunningScript } from '@catalog/testing';
import { Redis } from 'ioredis';
import { startNginx } from '../contestants/nginx.ts';
import type { Contestant } from '../measuring/rounds.ts';
import { cores } from '../measuring/machine.ts';
import { zipf } from '../measuring/zipf.ts';
import { addProducts } from '../products/more-products.ts';
import type { BenchStack } from '../stack/bench-stack.ts';
import { productsToMiss, type Sizes } from '../sizes.ts';
import { checkAnswers } from './answers.ts';
import { fillForRedisHits } from './fill-redis.ts';
import { goingOn, pathFolder, repeated, type PathFile } from '../measuring/paths.ts';

const hotProducts = 10_000;
const zipfDraws = 20_000;
const batch = 100;
const page = 50;

export interface Field extends AsyncDisposable {
  readonly contestants: readonly Contestant[];
  readonly hot: PathFile;
}

interface Hot {
  readonly id: string;
  readonly sku: string;
  readonly category: string;
  readonly name: string;
  readonly priceMinor: number;
}

/** The contestants of others that a goal names. */
const hasGoal: ReadonlySet<string> = new Set(['express-postgres', 'express-ioredis', 'bentocache']);

const productPath = (id: string) => `/v1/products/${id}`;

export async function startField(bench: BenchStack, sizes: Sizes): Promise<Field> {
  const { stack, catalog, startReader, startServer, say } = bench;
  await using resources = new AsyncDisposableStack();
  const folder = resources.use(await pathFolder());
  const core = cores?.measured;
  const onCore = core === undefined ? {} : { core };

  const misses = productsToMiss(sizes);
  const count = hotProducts + sizes.inNearCache + sizes.inRedis + misses;
  say(`adding ${count} products`);
  const ids = await addProducts(catalog, count);
  await catalog.query('vacuum analyze catalog.products');
  const hotIds = ids.slice(0, hotProducts);
  const inNearCache = ids.slice(hotProducts, hotProducts + sizes.inNearCache);
  const inRedis = ids.slice(hotProducts + sizes.inNearCache, -misses);
  const nowhere = ids.slice(-misses);

  const drawn = zipf(hotProducts, zipfDraws).map((n) => hotIds[n] ?? '');
  const { rows } = await catalog.query<Hot>(
    'select id, sku, category, name, price_minor::integer as "priceMinor" from catalog.products where id = any ($1)',
    [[...hotIds, ...inRedis]],
  );
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  const hot = await folder.write('hot', drawn.map(productPath));
  const bySku = await folder.write(
    'sku',
    drawn.map((id) => `/v1/products/by-sku/${rowOf.get(id)?.sku}`),
  );
  const batches = await folder.write(
    'batch',
    Array.from(
      { length: 200 },
      (_, index) => `/v1/products?ids=${hotIds.slice(index * 50, index * 50 + batch).join(',')}`,
    ),
  );
  const categories = [...new Set(hotIds.map((id) => rowOf.get(id)?.category))];
  const lists = await folder.write(
    'list',
    categories.map((category) => `/v1/products?category=${category}&limit=${page}`),
  );
  const redisPaths = await folder.write('redis', inRedis.map(productPath));
  const missPaths = await folder.write('miss', nowhere.map(productPath));
  const redisUrl = await stack.redisUrl('cache');
  const redisPid = (await stack.pids())['cache-redis'] ?? 0;
  const readerUrl = stack.url('catalog-read');
  const body = await (await fetch(`${readerUrl}${productPath(hotIds[0] ?? '')}`)).text();
  const env = { DATABASE_URL: await stack.databaseUrl(), CACHE_REDIS_URL: redisUrl, BODY: body };

  const redis = new Redis(redisUrl);
  resources.defer(() => redis.disconnect());
  // Room for the values of all contestants at once.
  await redis.config('SET', 'maxmemory', '1gb');
  resources.defer(async () => void (await redis.config('SET', 'maxmemory', '256mb')));
  const fill = redis.pipeline();
  for (const row of rows) fill.set(`bare:${row.id}`, JSON.stringify(row).padEnd(body.length));
  await fill.exec();

  const contestants: Contestant[] = [];
  const add = (
    running: RunningScript,
    contestant: Pick<Contestant, 'name' | 'label' | 'route'> & {
      readonly usesRedis?: boolean;
      readonly source?: string;
      readonly header?: () => Promise<string>;
    },
  ): void => {
    const { name, label, route, usesRedis = false, source, header } = contestant;
    contestants.push({
      name,
      label,
      url: running.url,
      pid: running.pid,
      ...(usesRedis && { redisPids: [redisPid] }),
      route,
      check: async () =>
        checkAnswers(running.url, route.sample(), {
          pool: catalog,
          ...(source !== undefined && { source }),
          header: await header?.(),
        }),
    });
  };
  const start = async (name: string) => resources.use(await startServer(name, env, onCore));
  const bareGet = await start('bare-get');
  const bareGetLabel = 'bare node:http + one Redis GET';
  add(bareGet, { name: 'bare-get', label: bareGetLabel, usesRedis: true, route: repeated(hot) });
  add(bareGet, {
    name: 'bare-get-wide',
    label: `${bareGetLabel}, of the products of the Redis hits`,
    usesRedis: true,
    route: goingOn(redisPaths),
  });
  const others: [name: string, label: string, usesRedis: boolean][] = [
    ['express-postgres', 'Express + Postgres', false],
    ['express-ioredis', 'Express + ioredis + JSON, as in tutorials', true],
    ['bentocache', 'bentocache: memory + Redis + bus', true],
    ['cacheable', 'cacheable: memory + Redis', true],
    ['client-side-cache', 'node-redis with client-side caching', true],
  ];
  const bare = await start('bare-http');
  contestants.push({
    name: 'bare-http',
    label: 'bare node:http, a body of the same size',
    url: bare.url,
    pid: bare.pid,
    route: repeated(hot),
    async check() {
      const answer = await (await fetch(bare.url)).text();
      if (answer !== body) throw new Error('bare node:http answers another body.');
    },
  });
  for (const [name, label, usesRedis] of others.filter(([name]) => sizes.allContestants || hasGoal.has(name)))
    add(await start(name), { name, label, usesRedis, route: repeated(hot) });

  const near = resources.use(await startReader(onCore));
  const token = async () => `Authorization: Bearer ${await stack.token('catalog-read', 'catalog:read')}`;
  const hit = 'hit; detail=near';
  add(near, { name: 'near', label: 'ours: near hit by id', route: repeated(hot), source: hit });
  add(near, {
    name: 'near-token',
    label: 'ours: near hit by id, with a token',
    route: repeated(hot, token),
    source: hit,
    header: token,
  });
  add(near, {
    name: 'near-sku',
    label: 'ours: near hit by SKU',
    route: repeated(bySku),
    source: hit,
  });
  add(near, {
    name: 'batch',
    label: `ours: ${batch} products in one call`,
    route: repeated(batches),
  });
  add(near, {
    name: 'list',
    label: `ours: a list page of ${page}`,
    route: repeated(lists),
  });

  const nginx = await startNginx({ port: stack.sparePort(), origin: near.url, core });
  if (nginx === undefined) say('nginx is not installed, so proxy_cache is not measured');
  else {
    resources.use(nginx);
    add(nginx, { name: 'nginx', label: 'nginx proxy_cache, never invalidated', route: repeated(hot) });
  }

  say(`filling Redis with ${sizes.inRedis} products`);
  const cold = resources.use(await startReader(onCore));
  await fillForRedisHits({ measured: cold.url, other: readerUrl }, { inNearCache, inRedis });
  add(cold, {
    name: 'redis-hit',
    label: 'ours: Redis hit',
    usesRedis: true,
    route: goingOn(redisPaths),
    ...(sizes.checksSources && { source: 'hit; detail=redis' }),
  });
  add(cold, {
    name: 'miss',
    label: 'ours: miss, one row of Postgres',
    usesRedis: true,
    route: goingOn(missPaths, sizes.checksSources),
    ...(sizes.checksSources && { source: 'fwd=miss' }),
  });

  const owned = resources.move();
  return { contestants, hot, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
