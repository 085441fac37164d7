/** Faults of single shards of a cluster, and of all at once. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pause } from '@catalog/runtime';
import { eventually, type RedisCluster, type RedisServer } from '@catalog/testing';
import { Redis } from 'ioredis';
import {
  clusterOf,
  keysOfShards,
  readKeysWhile,
  type Seen,
  type Shard,
  slotOfProduct,
} from './keys-of-shards.ts';
import type { Row, Stage } from './row.ts';

/** A failover of Redis Cluster takes seconds; the rest is for a busy machine. */
const failover_ms = 20_000;
const away_ms = 3_000;

/** Reads keys of all shards while the fault hits the first one. Expects the keys of the others to stay in the caches. */
async function faultOfOneShard(
  stage: Stage,
  inject: (shard: Shard, cluster: RedisCluster) => Promise<void>,
): Promise<void> {
  const cluster = clusterOf(stage.system);
  const shards = await keysOfShards(stage.system, cluster);
  const [shard] = shards;
  if (shard === undefined) throw new Error('The cluster has no shard.');
  const all = shards.flatMap(({ keys }) => keys);
  const seen = await readKeysWhile(stage, all, () => inject(shard, cluster));
  observeCold(stage, seen, all);
  const { cold } = seen;
  stage.expect(cold.size > 0, 'the shard was away');
  expectCold(stage, cold, new Set(shard.keys), 'keys of the other shards stay in the caches');
}

function observeCold({ observe }: Stage, { reads, failed, cold }: Seen, all: readonly string[]): void {
  observe(`${cold.size} of ${all.length} keys were cold; ${failed} of ${reads} reads of them failed`);
}

function expectCold(
  { expect }: Stage,
  cold: ReadonlySet<string>,
  allowed: ReadonlySet<string>,
  text: string,
): void {
  const others = [...cold].filter((key) => !allowed.has(key));
  expect(others.length === 0, `${text} (${others.length} did not)`);
}

/** Resolves when another node has the slots of this one. */
async function failedOver({ masters }: RedisCluster, former: RedisServer): Promise<void> {
  await eventually(async () => !(await masters()).includes(former), {
    timeout_ms: failover_ms,
    interval_ms: 50,
  });
}

/** Asks the node repeatedly while the work runs. @returns how often it answered with this error */
async function countErrors(
  node: RedisServer,
  error: string,
  ask: (redis: Redis) => Promise<unknown>,
  work: () => Promise<void>,
): Promise<number> {
  const redis = new Redis(node.url, {
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 500,
  });
  redis.on('error', () => {});
  let count = 0;
  const asking = setInterval(() => {
    ask(redis).catch(({ message }: Error) => {
      if (message.startsWith(error)) count += 1;
    });
  }, 50);
  try {
    await work();
  } finally {
    clearInterval(asking);
    redis.disconnect();
  }
  return count;
}

const failoverRow: Row = {
  id: '73',
  onCluster: 'only',
  fault: 'a shard of the cache fails over',
  injected: 'kill -9 of a master; its replica is promoted, and later it comes back as a replica',
  inject: (stage) =>
    faultOfOneShard(stage, async ({ master }, cluster) => {
      const began_ms = performance.now();
      await master.kill('SIGKILL');
      stage.system.countKill('cache-redis');
      await failedOver(cluster, master);
      stage.observe(`the replica had the slots after ${(performance.now() - began_ms).toFixed(0)} ms`);
      await pause(away_ms);
      await master.restart();
      await cluster.healed();
    }),
};

const reshardingRow: Row = {
  id: '74',
  onCluster: 'only',
  fault: 'slots move to another shard',
  injected: 'slots of one master with half of its keys in use move to another master, one after the other',
  async inject(stage) {
    const { system, keys, random, patience } = stage;
    const cluster = clusterOf(system);
    const shards = await keysOfShards(system, cluster);
    const [from, to] = shards;
    if (from === undefined || to === undefined) throw new Error('The cluster has fewer than two shards.');
    const all = shards.flatMap((shard) => shard.keys);
    // First the slots of known keys: of products that the load changes, and of products that nobody changes.
    const slots = new Set<number>();
    const addSlot = async (slot: number) => {
      if ((await cluster.ownerOf(slot)) === from.master) slots.add(slot);
    };
    for (const id of [...keys.lasting.slice(0, 100), ...keys.shortLived]) await addSlot(slotOfProduct(id));
    for (const id of from.keys.slice(0, from.keys.length / 2)) slots.add(slotOfProduct(id));
    const count = Math.max(150, Math.round(1_000 * patience));
    while (slots.size < count) await addSlot(Math.floor(random() * 16_384));
    let took_ms = 0;
    const seen = await readKeysWhile(stage, all, async () => {
      const began_ms = performance.now();
      for (const slot of slots) await cluster.moveSlot(slot, to.master);
      took_ms = performance.now() - began_ms;
      await pause(away_ms);
    });
    const moved = new Set(all.filter((key) => slots.has(slotOfProduct(key))));
    stage.observe(`${slots.size} slots with ${moved.size} of the keys moved in ${took_ms.toFixed(0)} ms`);
    observeCold(stage, seen, all);
    expectCold(stage, seen.cold, moved, 'keys whose slots stay are in the caches');
  },
};

const fullStopRow: Row = {
  id: '75',
  onCluster: 'only',
  fault: 'the whole cluster stops',
  injected: 'kill -9 of all nodes; they start again, empty, after some seconds',
  async inject({ system }) {
    const { nodes, healed } = clusterOf(system);
    await Promise.all(nodes.map((node) => node.kill('SIGKILL')));
    for (const _node of nodes) system.countKill('cache-redis');
    await pause(away_ms);
    await Promise.all(nodes.map((node) => node.restart()));
    await healed();
  },
};

const frozenRow: Row = {
  id: '76',
  onCluster: 'only',
  fault: 'a master of the cluster freezes, and continues after its replica was promoted',
  injected: 'SIGSTOP of a master, later SIGCONT',
  inject: (stage) =>
    faultOfOneShard(stage, async ({ master }, cluster) => {
      await master.kill('SIGSTOP');
      try {
        await failedOver(cluster, master);
        await pause(Math.max(away_ms, 10_000 * stage.patience));
      } finally {
        await master.kill('SIGCONT');
      }
      await cluster.healed();
    }),
};

/** Keys that a master loads, so that its dump has a known size: it answers commands after each part of the dump. */
const loadedKeys = 2_000;

/** Other keys, all on the shard of this product. They expire. */
async function addKeys(redis: Redis, product: string): Promise<void> {
  const pipeline = redis.pipeline();
  for (let index = 0; index < loadedKeys; index++)
    pipeline.set(`rubbish:{product:${product}}:${index}`, 'x'.repeat(200), 'EX', 60);
  for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
}

const loadingRow: Row = {
  id: '77',
  onCluster: 'only',
  fault: 'a master of the cluster loads its data',
  injected: `DEBUG RELOAD with a pause for each of at least ${loadedKeys} keys, so that it answers LOADING for some seconds`,
  inject: (stage) =>
    faultOfOneShard(stage, async ({ master, keys }, cluster) => {
      const load_ms = Math.max(4_000, 10_000 * stage.patience);
      const redis = cluster.client(master);
      await addKeys(redis, keys[0] ?? '');
      const pause_us = Math.ceil((1_000 * load_ms) / (await redis.dbsize()));
      await redis.config('SET', 'loading-process-events-interval-bytes', '1024');
      await redis.config('SET', 'key-load-delay', String(pause_us));
      // Without a key: a master answers MOVED for a key of another shard, even while it loads.
      const ask = (asking: Redis) => asking.dbsize();
      const answers = await countErrors(master, 'LOADING', ask, async () => {
        // This call takes longer than the timeout of the connection.
        redis.call('DEBUG', 'RELOAD').catch(() => undefined);
        await pause(load_ms);
      });
      await eventually(async () => (await redis.config('SET', 'key-load-delay', '0')) === 'OK', {
        timeout_ms: 30_000,
      });
      stage.observe(`${answers} answers were LOADING`);
      stage.expect(answers > 0, 'the master answers LOADING');
      await rm(join(master.directory, 'dump.rdb'), { force: true });
      await cluster.healed();
    }),
};

const clusterDownRow: Row = {
  id: '78',
  onCluster: 'only',
  fault: 'a master is cut off from most of the cluster',
  injected: 'SIGSTOP of all nodes of the other shards, later SIGCONT; the master answers CLUSTERDOWN',
  async inject(stage) {
    const { nodes, client, masters, healed } = clusterOf(stage.system);
    const [master] = await masters();
    if (master === undefined) throw new Error('No node of the cluster has slots.');
    const replication = await client(master).info('replication');
    const others = nodes.filter((node) => node !== master && !replication.includes(`port=${node.port},`));
    const ask = (asking: Redis) => asking.get('any');
    const answers = await countErrors(master, 'CLUSTERDOWN', ask, async () => {
      await Promise.all(others.map((node) => node.kill('SIGSTOP')));
      await pause(Math.max(4_000, 10_000 * stage.patience));
      await Promise.all(others.map((node) => node.kill('SIGCONT')));
    });
    stage.observe(`${others.length} nodes were frozen; ${answers} answers were CLUSTERDOWN`);
    stage.expect(answers > 0, 'the master answers CLUSTERDOWN');
    await healed();
  },
};

export const shardRows: readonly Row[] = [
  failoverRow,
  reshardingRow,
  fullStopRow,
  frozenRow,
  loadingRow,
  clusterDownRow,
];
