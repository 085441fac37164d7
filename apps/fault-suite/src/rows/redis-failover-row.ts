/** A row in which another server takes over the cache Redis without a restart, and then the first one again. */
import { pause } from '@catalog/runtime';
import { eventually, type RedisCluster, type RedisServer, startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import type { System } from '../system/system.ts';
import type { Row } from './row.ts';

/** The replica lacks the writes of this time. */
const missed_ms = 1_500;
const isLinked = async (replica: Redis) => /master_link_status:up/.test(await replica.info('replication'));

/** Makes the cache Redis of the stack a replica of one that lacks the last writes, and then promotes it again. */
async function copyOlderServer({ stack, cache }: System): Promise<void> {
  const [server] = await cache.masters();
  if (server === undefined) throw new Error('There is no cache Redis.');
  await using older = await startRedis({
    config: {
      masteruser: 'operator',
      masterauth: new URL(await stack.redisUrl('cache')).password,
      'replica-read-only': 'no',
    },
  });
  const other = new Redis(older.url);
  try {
    await other.replicaof('127.0.0.1', String(stack.port('cache-redis')));
    await eventually(() => isLinked(other), { timeout_ms: 20_000 });
    await other.replicaof('NO', 'ONE');
  } finally {
    other.disconnect();
  }
  await pause(missed_ms);
  await server.replicaof('127.0.0.1', String(older.port));
  await eventually(() => isLinked(server), { timeout_ms: 20_000 });
  await server.replicaof('NO', 'ONE');
}

/** Promotes a replica whose replication was cut before. Its former master becomes its replica, without a restart. */
async function takeOver(
  { client, healed }: RedisCluster,
  master: RedisServer,
  replica: RedisServer,
): Promise<void> {
  // The master has no password, so it refuses a replica that sends one.
  await client(replica).config('SET', 'masterauth', 'wrong');
  await client(master).call('CLIENT', 'KILL', 'TYPE', 'replica');
  await pause(missed_ms);
  await client(replica).call('CLUSTER', 'FAILOVER', 'TAKEOVER');
  await client(replica).config('SET', 'masterauth', '');
  await healed();
}

/** The replica of this master. */
async function replicaOf({ nodes, client }: RedisCluster, master: RedisServer): Promise<RedisServer> {
  for (const node of nodes) {
    const replication = await client(node).info('replication');
    if (replication.includes(`master_port:${master.port}\r`)) return node;
  }
  throw new Error(`the node at port ${master.port} has no replica`);
}

export const redisFailoverRow: Row = {
  id: '24',
  onCluster: 'same',
  fault: 'Redis fails over to a replica that lacks writes, and back again',
  injected: 'a replica whose replication was cut is promoted; twice, without a restart',
  quick: true,
  async inject({ system }) {
    const { cluster } = system.cache;
    if (cluster === undefined) {
      for (let failover = 0; failover < 2; failover++) {
        await copyOlderServer(system);
        await pause(2_500);
      }
      return;
    }
    const [master] = await cluster.masters();
    if (master === undefined) throw new Error('No node of the cluster has slots.');
    const replica = await replicaOf(cluster, master);
    for (const [from, to] of [
      [master, replica],
      [replica, master],
    ] as const) {
      await takeOver(cluster, from, to);
      await pause(2_500);
    }
  },
};
