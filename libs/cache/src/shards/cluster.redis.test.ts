/** A cluster as the cache: reads and invalidations over all shards, and what happens when shards fail or exchange slots. */
import { slotOf } from '@catalog/redis';
import { pause } from '@catalog/runtime';
import { eventually, type RedisCluster, type RedisServer, startRedisCluster } from '@catalog/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CacheConnection, ShardAway } from '../redis/cache-connection.ts';
import { timings } from '../timings.ts';
import { CheckedReader, SimulatedPostgres, SimulatedWorker, THING } from '../testing/simulated-catalog.ts';

let cluster: RedisCluster;
let postgres: SimulatedPostgres;
let worker: SimulatedWorker;
let reader: CheckedReader;
let other: CheckedReader;
let background: { stop: () => Promise<void> } | undefined;

beforeEach(async () => {
  cluster = await startRedisCluster();
  postgres = new SimulatedPostgres();
  worker = new SimulatedWorker(cluster.url, postgres);
  [reader, other] = [new CheckedReader(cluster.url, postgres), new CheckedReader(cluster.url, postgres)];
  await Promise.all([worker.cache.start(), reader.cache.start(), other.cache.start()]);
  await everyShardServes();
}, 60_000);
afterEach(async () => {
  await background?.stop();
  background = undefined;
  await Promise.all([worker.stop(), reader.cache.stop(), other.cache.stop()]);
  await cluster[Symbol.asyncDispose]();
});

const violations = () => [reader, other].flatMap((each) => each.violations);

const everyShardServes = () =>
  eventually(
    () =>
      [reader, other].every(({ cache }) => cache.status().redisIsFresh && cache.status().nearCache.isSound),
    { timeout_ms: 20_000 },
  );

const keys = Array.from({ length: 300 }, (_, index) => `k${index}`);

/** The keys of each of the three masters at the start. */
async function keysOf(node: RedisServer | undefined): Promise<string[]> {
  const owners = await Promise.all(keys.map((key) => cluster.ownerOf(slotOf(THING.cacheKey(key)))));
  return keys.filter((_, index) => owners[index] === node);
}

/** Reads and changes keys without a pause, until the end of the test. */
function readAndChange(some: readonly string[]): void {
  const ended = new AbortController();
  const running = (async () => {
    for (let round = 0; !ended.signal.aborted; round++) {
      await Promise.all([reader, other].map((each) => each.sources(some)));
      if (round % 5 === 0) worker.change(...some.filter(() => Math.random() < 0.1));
      await pause(5);
    }
  })();
  background = {
    async stop() {
      ended.abort();
      await running;
    },
  };
}

test('keys of all shards are filled once, served by Redis and the near caches, and invalidated', async () => {
  worker.change(...keys);
  await eventually(() => worker.waiting === 0);
  expect(await reader.sources(keys)).toEqual({ stored: 300 });
  expect(await other.sources(keys)).toEqual({ redis: 300 });
  expect(await other.sources(keys)).toEqual({ near: 300 });
  expect(postgres.loads).toBe(300);
  const sizes = await Promise.all(cluster.nodes.slice(0, 3).map((node) => cluster.client(node).dbsize()));
  expect(Math.min(...sizes)).toBeGreaterThan(50);

  worker.change(...keys);
  await eventually(() => worker.waiting === 0);
  await eventually(async () => {
    const answers = await Promise.all(keys.map((key) => other.read(key)));
    return answers.every(({ version }, index) => version === postgres.versionAt(keys[index] ?? ''));
  });
  expect(violations()).toEqual([]);
}, 60_000);

/** Until `ends`, each read of these keys is answered by a cache. */
async function staysWarm(some: readonly string[], ends: () => boolean): Promise<void> {
  const deadline_ms = performance.now() + 20_000;
  while (!ends()) {
    if (performance.now() > deadline_ms) throw new Error('what the test waits for has not happened');
    const { near = 0, redis = 0, ...sources } = await reader.sources(some);
    expect([near + redis, sources]).toEqual([some.length, {}]);
    await pause(10);
  }
}

test('a failover makes only the keys of its shard cold', async () => {
  const [master] = cluster.nodes;
  if (master === undefined) return;
  const ofMaster = await keysOf(master);
  const ofOthers = keys.filter((key) => !ofMaster.includes(key));
  await reader.sources(keys);
  readAndChange(ofMaster);
  await eventually(async () => (await cluster.client(master).wait(1, 1_000)) === 1);

  await master.kill('SIGKILL');
  await staysWarm(ofOthers, () => !reader.cache.status().redisIsFresh);
  await staysWarm(ofOthers, () => worker.cache.isComplete && reader.cache.status().redisIsFresh);
  await eventually(async () => ((await reader.sources(ofMaster)).near ?? 0) > 0, { timeout_ms: 20_000 });
  expect(violations()).toEqual([]);
}, 90_000);

test('a planned failover, in which no connection is cut, leaves no old copy', async () => {
  const [master, , , replica] = cluster.nodes;
  if (master === undefined || replica === undefined) return;
  const ofMaster = await keysOf(master);
  readAndChange(ofMaster);
  await eventually(async () => ((await reader.sources(ofMaster)).near ?? 0) > 0);
  await cluster.client(replica).cluster('FAILOVER');
  const slot = slotOf(THING.cacheKey(ofMaster[0] ?? ''));
  await eventually(async () => (await cluster.ownerOf(slot)) === replica, { timeout_ms: 10_000 });
  worker.change(...ofMaster);
  await eventually(() => worker.cache.isComplete && reader.cache.status().redisIsFresh, {
    timeout_ms: 10_000,
  });
  await eventually(async () => ((await reader.sources(ofMaster)).near ?? 0) > 0, { timeout_ms: 10_000 });
  expect(violations()).toEqual([]);
}, 60_000);

test('while a shard is away, the others stay warm and its keys are read from Postgres; afterwards it catches up', async () => {
  const [master, , , replica] = cluster.nodes;
  if (master === undefined || replica === undefined) return;
  const ofMaster = await keysOf(master);
  const ofOthers = keys.filter((key) => !ofMaster.includes(key));
  worker.change(...keys);
  await reader.sources(keys);
  // Without its replica the shard has no failover.
  await replica.kill('SIGKILL');
  await master.kill('SIGKILL');
  await staysWarm(ofOthers, () => !reader.cache.status().redisIsFresh);

  worker.change(...keys);
  await eventually(() => worker.waiting === ofMaster.length, { timeout_ms: 10_000 });
  await eventually(async () => (await reader.sources(ofMaster)).bypass === ofMaster.length, {
    timeout_ms: 10_000,
  });
  expect(await reader.sources(ofOthers)).not.toHaveProperty('bypass');
  await Promise.all([master.restart(), replica.restart()]);
  await eventually(() => worker.waiting === 0, { timeout_ms: 20_000 });
  await everyShardServes();
  await eventually(async () => (await reader.sources(keys)).near === keys.length, { timeout_ms: 20_000 });
  expect(violations()).toEqual([]);
}, 90_000);

test('a shard that hangs holds up the changes of the others once, and not again until it answers', async () => {
  const [master] = cluster.nodes;
  if (master === undefined) return;
  const ofMaster = await keysOf(master);
  const [one = '', other = ''] = [ofMaster[0], keys.find((key) => !ofMaster.includes(key))];
  const invalidate = () =>
    worker.cache.publisher.invalidate([
      [THING.cacheKey(one), 1],
      [THING.cacheKey(other), 1],
    ]);
  await master.kill('SIGSTOP');
  try {
    await invalidate();
    const began_ms = performance.now();
    const outcomes = await invalidate();
    await expect(
      worker.cache.onShard(THING.cacheKey(one), ({ redis }) => redis.dbsize()),
    ).rejects.toBeInstanceOf(ShardAway);
    expect(performance.now() - began_ms).toBeLessThan(250);
    expect(outcomes).toMatchObject([
      { status: 'rejected', reason: { message: new ShardAway().message } },
      { status: 'fulfilled' },
    ]);
  } finally {
    await master.kill('SIGCONT');
  }
  await eventually(async () => (await invalidate()).every(({ status }) => status === 'fulfilled'), {
    timeout_ms: 20_000,
  });
  await everyShardServes();
}, 60_000);

test('after a stop of the whole cluster all keys are served again', async () => {
  await reader.sources(keys);
  readAndChange(keys.slice(0, 50));
  await Promise.all(cluster.nodes.map((node) => node.kill('SIGKILL')));
  await eventually(async () => (await reader.sources(keys)).bypass === keys.length, { timeout_ms: 10_000 });
  worker.change(...keys);
  await Promise.all(cluster.nodes.map((node) => node.restart()));
  await eventually(() => worker.waiting === 0, { timeout_ms: 30_000 });
  await everyShardServes();
  await eventually(async () => ((await reader.sources(keys)).near ?? 0) > 250, { timeout_ms: 20_000 });
  expect(violations()).toEqual([]);
}, 120_000);

test('the pages of a list stay with its generation, and end when it does', async () => {
  const [one, two] = [reader, other].map(({ cache }) => cache.list('things'));
  const get = async (list: typeof one, text: string) => {
    const { payload, source } = (await list?.get(['page'], async () => Buffer.from(text))) ?? {};
    return `${payload?.toString()} (${source})`;
  };
  expect(await get(one, 'first')).toBe('first (stored)');
  expect(await get(two, 'second')).toBe('first (redis)');
  await worker.bumper.end('things');
  expect(await get(two, 'third')).toBe('third (stored)');
  expect(violations()).toEqual([]);
}, 60_000);

test('a shard answers the keys that it has, and tells of the others that their slots are elsewhere', async () => {
  const [node] = cluster.nodes;
  if (node === undefined) return;
  const ofNode = await keysOf(node);
  const client = cluster.client(node);
  for (const key of ofNode) await client.set(THING.cacheKey(key), key);
  const doubts: boolean[] = [];
  const shard = new CacheConnection({
    url: node.url,
    name: 'test',
    database: { currentIncarnation: () => Promise.resolve('database') },
    onTopologyDoubt: (isSure) => doubts.push(isSure),
    onError: () => undefined,
  });
  await shard.start();
  doubts.length = 0;
  const asked = await shard.readMany(ofNode.map(THING.cacheKey));
  expect(asked.values.map(String)).toEqual(ofNode);
  expect(doubts).toEqual([]);
  const { values } = await shard.readMany(keys.map(THING.cacheKey));
  expect(values.map((value) => value?.toString())).toEqual(
    keys.map((key) => (ofNode.includes(key) ? key : undefined)),
  );
  expect(new Set(doubts)).toEqual(new Set([true]));
  shard.stop();
}, 60_000);

test('a slot that moves under load leaves no old copy', async () => {
  const [from, to] = cluster.nodes;
  const [key = ''] = await keysOf(from);
  const slot = slotOf(THING.cacheKey(key));
  readAndChange(keys.slice(0, 50).concat(key));
  await eventually(async () => (await reader.read(key)).source === 'near', { timeout_ms: 10_000 });
  for (const target of [to, from, to]) {
    if (target === undefined) return;
    await cluster.moveSlot(slot, target, async () => {
      // Its keys are on neither shard at this moment: an invalidation finds them on their way.
      worker.change(key);
      await pause(300);
    });
    worker.change(key);
    const version = postgres.versionAt(key);
    await eventually(async () => (await reader.read(key)).version >= version, {
      timeout_ms: timings.bound_ms + 500,
    });
    await eventually(() => worker.waiting === 0, { timeout_ms: 10_000 });
    await eventually(async () => ['near', 'redis'].includes((await other.read(key)).source), {
      timeout_ms: 10_000,
    });
  }
  expect(violations()).toEqual([]);
}, 90_000);

/** The worker knows of it, so that it announces the next change on the other shard alone. */
async function moveSlotOf(key: string, to: RedisServer): Promise<void> {
  const from = worker.cache.of(THING.cacheKey(key));
  await cluster.moveSlot(slotOf(THING.cacheKey(key)), to);
  await eventually(async () => {
    await worker.cache.relearn();
    return worker.cache.of(THING.cacheKey(key)) !== from;
  });
}

async function readFor(key: string, time_ms: number): Promise<void> {
  const end_ms = performance.now() + time_ms;
  while (performance.now() < end_ms) {
    await reader.read(key);
    await pause(5);
  }
}

/** What the nodes allow the reader of a test, except for `rights` that are taken away. */
const allow = (nodes: readonly RedisServer[], ...rights: string[]) =>
  Promise.all(
    nodes.map((node) =>
      cluster.client(node).acl('SETUSER', 'reader', 'reset', 'on', 'nopass', '~*', '&*', '+@all', ...rights),
    ),
  );

/**
 * A reader with a near copy of a key, whose slot will move to the second node. It does not hear the channel of that node. Otherwise
 * it would drop the copy, because it listens to the channels of all shards that it knows.
 */
async function copyOfMovingKey(): Promise<{ key: string; to: RedisServer }> {
  const [from, to] = cluster.nodes;
  const [key] = await keysOf(from);
  if (to === undefined || key === undefined) throw new Error('the first node has no key');
  await allow(cluster.nodes);
  await reader.cache.stop();
  reader = new CheckedReader(cluster.url.replace('://', '://reader:x@'), postgres);
  await reader.cache.start();
  await everyShardServes();
  worker.change(key);
  await eventually(async () => (await reader.read(key)).source === 'near', { timeout_ms: 10_000 });
  await allow([to], 'resetchannels');
  return { key, to };
}

test('a near copy ends when its slot has moved, even if no invalidation of it is heard', async () => {
  const { key, to } = await copyOfMovingKey();
  const { slots } = reader.cache.status().nearCache.silences;
  await moveSlotOf(key, to);
  await eventually(() => reader.cache.status().nearCache.silences.slots > slots);
  worker.change(key);
  await readFor(key, 2 * timings.bound_ms);
  expect(violations()).toEqual([]);
}, 60_000);

test('a reader that cannot learn of a moved slot serves no copy beyond the bound', async () => {
  const { key, to } = await copyOfMovingKey();
  await allow([to], 'resetchannels', '-cluster|nodes');
  await allow(
    cluster.nodes.filter((node) => node !== to),
    '-cluster|nodes',
  );
  await moveSlotOf(key, to);
  worker.change(key);
  await readFor(key, 2 * timings.bound_ms);
  expect(violations()).toEqual([]);
  expect((await reader.read(key)).source).toBe('bypass');

  await allow(cluster.nodes);
  await eventually(async () => (await reader.read(key)).source === 'near', { timeout_ms: 10_000 });
}, 60_000);
