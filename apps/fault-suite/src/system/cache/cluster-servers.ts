/** The nodes of a Redis Cluster: three masters and a replica of each. */
import { slotOf } from '@catalog/cache/worker';
import { pause } from '@catalog/runtime';
import { type RedisCluster, startRedisCluster } from '@catalog/testing';
import type { CacheServers } from './cache-servers.ts';
import { doorsOfCluster } from './doors.ts';

/** The limits of the cache Redis of the local stack. */
const config = {
  maxmemory: '256mb',
  'maxmemory-policy': 'allkeys-lfu',
  // A node that starts again is empty, unless a row has saved a dump.
  'rdb-del-sync-files': 'yes',
  // For DEBUG RELOAD.
  'enable-debug-command': 'local',
};

export const startCluster = (): Promise<RedisCluster> => startRedisCluster({ config });

/** @param countKill counts a kill with SIGKILL */
export function clusterServers(cluster: RedisCluster, countKill: () => void): CacheServers {
  const { nodes, client } = cluster;
  return {
    cluster,
    folders: nodes.map(({ directory }) => directory),
    masters: async () => (await cluster.masters()).map(client),
    of: async (cacheKey) => client(await cluster.ownerOf(slotOf(cacheKey))),
    behind: (_user, open) => doorsOfCluster(nodes, open),
    async hang(time_ms) {
      await signalAll(nodes, 'SIGSTOP');
      await pause(time_ms);
      await signalAll(nodes, 'SIGCONT');
      await cluster.healed();
    },
    async crash() {
      const [master] = await cluster.masters();
      if (master === undefined) throw new Error('No node of the cluster has slots.');
      await master.kill('SIGKILL');
      countKill();
      await master.restart();
      await cluster.healed();
    },
  };
}

const signalAll = (nodes: RedisCluster['nodes'], signal: NodeJS.Signals) =>
  Promise.all(nodes.map((node) => node.kill(signal)));
