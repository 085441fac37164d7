/** The worker with a cluster as the cache. */
import { type Cache, createCache, type EntityCache } from '@catalog/cache';
import { generationKey, slotOf } from '@catalog/cache/worker';
import { auditResultSchema, PRODUCT, type PurgeResult, timings } from '@catalog/contracts';
import { entityLoaders } from '@catalog/database';
import { pause } from '@catalog/runtime';
import { eventually, type RedisCluster, type RedisServer, startRedisCluster } from '@catalog/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningWorker, startStores, startWorker, type Stores } from '../testing/running-worker.ts';

let on: Stores;
let cluster: RedisCluster;
let worker: RunningWorker;
let cache: Cache;
let products: EntityCache;
let ids: string[];

beforeEach(async () => {
  [on, cluster] = await Promise.all([startStores(), startRedisCluster()]);
  worker = await startWorker(on, { cacheRedisUrl: cluster.url });
  [cache, products] = await newReader();
  await worker.ready();
  ids = await on.insertProducts(60);
  await on.settled();
  await everyShardServes();
}, 60_000);
afterEach(async () => {
  await cache.stop();
  await worker[Symbol.asyncDispose]();
  await cluster[Symbol.asyncDispose]();
  await on[Symbol.asyncDispose]();
});

async function newReader(): Promise<[Cache, EntityCache]> {
  const started = createCache({
    url: cluster.url,
    name: 'reader',
    database: on.owner,
    onError: () => undefined,
  });
  await started.start();
  return [started, started.define(PRODUCT, entityLoaders(on.owner).product)];
}

const everyShardServes = () =>
  eventually(() => cache.status().redisIsFresh && cache.status().nearCache.isSound, { timeout_ms: 30_000 });

/** @returns the new version of each */
async function change(some: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await on.owner.query<{ id: string; version: number }>(
    'update catalog.products set price_minor = price_minor + 1 where id = any ($1) returning id, version',
    [some],
  );
  return new Map(rows.map(({ id, version }) => [id, version]));
}

const read = (some: readonly string[]) => Promise.all(some.map((id) => products.get(id)));
const sourcesOf = async (some: readonly string[]) => new Set((await read(some)).map(({ source }) => source));
const areRead = (versions: ReadonlyMap<string, number>) =>
  eventually(
    async () =>
      (await read([...versions.keys()])).every(
        (answer, index) => answer.version === [...versions.values()][index],
      ),
    { timeout_ms: timings.bound_ms + 1_000 },
  );

async function idsOf(node: RedisServer): Promise<string[]> {
  const owners = await Promise.all(ids.map((id) => cluster.ownerOf(slotOf(PRODUCT.cacheKey(id)))));
  return ids.filter((_, index) => owners[index] === node);
}

interface Registered {
  readonly incarnation: string;
  readonly incarnations: string[];
}
const registered = async (): Promise<Registered> =>
  (await on.owner.query<Registered>('select incarnation, incarnations from catalog.cache_incarnation'))
    .rows[0] ?? {
    incarnation: '',
    incarnations: [],
  };
const setAside = async (): Promise<number> =>
  (await on.owner.query<{ count: number }>('select count(*) from catalog.set_aside_keys')).rows[0]?.count ??
  0;

function nodeAt(index: number): RedisServer {
  const node = cluster.nodes[index];
  if (node === undefined) throw new Error(`the cluster has no node ${index}`);
  return node;
}

/** Until `ends`, each read of these is answered by a cache. */
async function stayWarm(some: readonly string[], ends: () => boolean): Promise<void> {
  const deadline_ms = performance.now() + 30_000;
  while (!ends()) {
    if (performance.now() > deadline_ms) throw new Error('what the test waits for has not happened');
    const sources = await sourcesOf(some);
    for (const warm of ['near', 'redis'] as const) sources.delete(warm);
    expect([...sources]).toEqual([]);
    await pause(10);
  }
}

test('changes are applied on the shards of their keys, and acknowledged with the incarnations of these', async () => {
  await read(ids);
  const versions = await change(ids);
  await areRead(versions);
  await on.settled();
  const { rows } = await on.owner.query<{ applied_to: string }>(
    `select distinct applied_to from catalog.outbox where entity = 'product' and version = any ($1)`,
    [[...versions.values()]],
  );
  const { incarnation, incarnations } = await registered();
  expect(incarnations).toHaveLength(3);
  expect(new Set(rows.map((row) => row.applied_to))).toEqual(new Set(incarnations));
  expect(incarnations).not.toContain(incarnation);
  expect(await setAside()).toBe(0);
}, 60_000);

test('after a failover only the changes of that shard are applied again, and the other shards stay warm meanwhile', async () => {
  const master = nodeAt(0);
  const ofMaster = await idsOf(master);
  const ofOthers = ids.filter((id) => !ofMaster.includes(id));
  // A replay of a third of these takes a while.
  await on.insertProducts(10_000);
  await change(ids);
  await on.settled(60_000);
  await read(ids);
  const before = await registered();
  await eventually(async () => (await cluster.client(master).wait(1, 1_000)) === 1);
  const replayed = await worker.metric('changes_replayed_total');
  await master.kill('SIGKILL');
  await stayWarm(ofOthers, () => !cache.status().redisIsFresh);
  await stayWarm(ofOthers, () => cache.status().redisIsFresh);
  const after = await registered();
  expect(after.incarnations.filter((each) => before.incarnations.includes(each))).toHaveLength(2);
  const { rows } = await on.owner.query<{ key: string }>(
    'select distinct key from catalog.outbox where applied_to = any ($1) and entity = $2 and key = any ($3)',
    [after.incarnations.filter((each) => !before.incarnations.includes(each)), 'product', ids],
  );
  expect(rows.map(({ key }) => key).toSorted((a, b) => (a < b ? -1 : 1))).toEqual(
    ofMaster.toSorted((a, b) => (a < b ? -1 : 1)),
  );
  expect(await worker.metric('changes_replayed_total')).toBeGreaterThan(replayed + 3_000);
  await areRead(await change(ids));
}, 90_000);

test('while a shard is away, the changes of the others are acknowledged; when it is back, its own are applied', async () => {
  // The shard with the generation of the list, so that the pages of no product can be ended.
  const master = await cluster.ownerOf(slotOf(generationKey(PRODUCT.list)));
  const replica = nodeAt(cluster.nodes.indexOf(master) + 3);
  const ofMaster = await idsOf(master);
  const ofOthers = ids.filter((id) => !ofMaster.includes(id));
  await read(ids);
  await replica.kill('SIGKILL');
  await master.kill('SIGKILL');
  await eventually(() => !cache.status().redisIsFresh);

  const versions = await change(ids);
  await on.settled();
  await areRead(versions);
  // The keys, and the generation of the list.
  await eventually(async () => (await setAside()) === ofMaster.length + 1);
  await pause(timings.bound_ms);
  expect(
    [...(await sourcesOf(ofOthers))].filter((source) => !['near', 'redis', 'stored'].includes(source)),
  ).toEqual([]);
  expect(await sourcesOf(ofOthers)).toEqual(new Set(['near']));
  expect(await sourcesOf(ofMaster)).toEqual(new Set(['bypass']));
  const report = (await (await fetch(`${worker.url}/readyz`)).json()) as {
    warnings?: Record<string, string>;
  };
  expect(report.warnings?.['shards']).toContain('2 of 3');
  const again = await change(ofMaster);
  await areRead(again);

  await Promise.all([master.restart(), replica.restart()]);
  await everyShardServes();
  expect(await setAside()).toBe(0);
  await areRead(again);
  await eventually(async () => (await sourcesOf(ids)).size === 1 && (await sourcesOf(ids)).has('near'), {
    timeout_ms: 10_000,
  });
  await areRead(await change(ids));
}, 90_000);

/** The worker signs in as a user that a test can lock out. */
const allowWorker = (nodes: readonly RedisServer[], state: 'on' | 'off') =>
  Promise.all(
    nodes.map((node) => cluster.client(node).acl('SETUSER', 'worker', 'nopass', '~*', '&*', '+@all', state)),
  );
async function startWorkerAsUser(): Promise<void> {
  await allowWorker(cluster.nodes, 'on');
  await worker[Symbol.asyncDispose]();
  worker = await startWorker(on, { cacheRedisUrl: cluster.url.replace('://', '://worker:x@') });
  await worker.ready();
  await everyShardServes();
}

test('when the worker cannot reach the new master of a shard, the other shards stay warm', async () => {
  await startWorkerAsUser();
  const ofMaster = await idsOf(nodeAt(0));
  const ofOthers = ids.filter((id) => !ofMaster.includes(id));
  await allowWorker([nodeAt(3)], 'off');
  await read(ids);
  const before = await registered();
  await nodeAt(0).kill('SIGKILL');
  await eventually(async () => (await registered()).incarnation !== before.incarnation, {
    timeout_ms: 10_000,
  });
  const versions = await change(ids);
  await areRead(versions);
  await on.settled();
  await pause(timings.bound_ms);
  expect(await sourcesOf(ofOthers)).toEqual(new Set(['near']));
  await allowWorker([nodeAt(3)], 'on');
  await everyShardServes();
  expect([await setAside(), (await registered()).incarnations.length]).toEqual([0, 3]);
  await areRead(versions);
}, 90_000);

test('a shard that the worker cannot reach for a while is trusted again only when its old entries have ended', async () => {
  await startWorkerAsUser();
  const master = nodeAt(0);
  const ofMaster = await idsOf(master);
  await read(ids);
  const [other, ofOther] = await newReader();
  const before = await registered();

  await allowWorker([master], 'off');
  await cluster.client(master).client('KILL', 'USER', 'worker');
  await eventually(() => !other.status().redisIsFresh);
  const versions = await change(ofMaster);
  await on.settled();
  // The test reads none of these keys: the reader still reaches the shard, and would fill it with the new versions.
  expect(await setAside()).toBeGreaterThanOrEqual(ofMaster.length);

  // The shard still holds the old entries, in the incarnation that is registered. This reader has not served the new versions,
  // so nothing but the heartbeats keeps it from the old ones.
  await allowWorker([master], 'on');
  await eventually(() => other.status().redisIsFresh, { timeout_ms: 20_000, interval_ms: 1 });
  const answers = await Promise.all(ofMaster.map((id) => ofOther.get(id)));
  expect(answers.map(({ version }) => version)).toEqual(ofMaster.map((id) => versions.get(id)));
  await other.stop();
  expect((await registered()).incarnations).toEqual(before.incarnations);
  await areRead(await change(ids));
}, 90_000);

test('a slot that moves while its keys change holds back no other change', async () => {
  const [from, to] = [nodeAt(0), nodeAt(1)];
  const [id = ''] = await idsOf(from);
  const slot = slotOf(PRODUCT.cacheKey(id));
  await read(ids);
  let most_ms = 0;
  const sampling = setInterval(() => {
    most_ms = Math.max(most_ms, cache.status().watermarkAge_ms);
  }, 10);
  for (const target of [to, from]) {
    await cluster.moveSlot(slot, target, async () => {
      await areRead(await change([id]));
    });
    const versions = await change(ids);
    await areRead(versions);
    await on.settled();
    await eventually(async () => (await setAside()) === 0, { timeout_ms: 10_000 });
    await everyShardServes();
    expect((await registered()).incarnations).toHaveLength(3);
  }
  clearInterval(sampling);
  // The other changes were acknowledged meanwhile, and the two shards were trusted again.
  expect(most_ms).toBeLessThan(timings.bound_ms);
}, 90_000);

test('an audit and a purge reach every shard', async () => {
  await read(ids);
  const audit = await worker.call('POST', '/v1/audits');
  expect(auditResultSchema.parse(await audit.json()).right).toBeGreaterThanOrEqual(ids.length);
  const purge = await worker.call('POST', '/v1/purges', { body: { all: true, reason: 'test' } });
  expect(((await purge.json()) as PurgeResult).entries).toBeGreaterThanOrEqual(ids.length);
  expect(await sourcesOf(ids)).toEqual(new Set(['stored']));
}, 60_000);

test('after a stop of the whole cluster and of the worker, everything is applied', async () => {
  await read(ids);
  await Promise.all(cluster.nodes.map((node) => node.kill('SIGKILL')));
  await worker[Symbol.asyncDispose]();
  const versions = await change(ids);
  await areRead(versions);
  await Promise.all(cluster.nodes.map((node) => node.restart()));
  worker = await startWorker(on, { cacheRedisUrl: cluster.url });
  await on.settled(40_000);
  await everyShardServes();
  await areRead(versions);
  await areRead(await change(ids));
  expect(await setAside()).toBe(0);
}, 120_000);
