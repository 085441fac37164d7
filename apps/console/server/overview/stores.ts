import { clusterAddress, openRedis } from '@catalog/redis';
import { reconnectDelay_ms, withDeadline } from '@catalog/runtime';
import type { Redis } from 'ioredis';

export type StoreName = 'postgres' | 'cacheRedis' | 'stateRedis';

/** Sends the least that a store answers. */
export type StorePings = Readonly<Partial<Record<StoreName, () => Promise<unknown>>>>;

/** In how many milliseconds each store has answered the console. null without an answer; absent if it is not asked. */
export type StoreTimes = Readonly<Partial<Record<`${StoreName}Ms`, number | null>>>;

const timeout_ms = 1_000;

export async function timesOf(pings: StorePings): Promise<StoreTimes> {
  const times = Object.entries(pings).map(async ([name, ping]) => {
    const began_ms = performance.now();
    const late = () => new Error(`${name} has not answered within ${timeout_ms} ms`);
    const took_ms = await withDeadline(ping, { after_ms: timeout_ms, late }).then(
      () => Math.round((performance.now() - began_ms) * 10) / 10,
      () => null,
    );
    return [`${name}Ms`, took_ms] as const;
  });
  return Object.fromEntries(await Promise.all(times)) as StoreTimes;
}

/**
 * A connection on which only PING is sent. undefined for a cluster: its services tell which shards are away. Errors are not logged,
 * because the connection of the profiles logs them.
 */
export function openCachePing(url: string, name: string): Redis | undefined {
  if (clusterAddress(url) !== undefined) return undefined;
  const redis = openRedis(url, {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: timeout_ms,
    retryStrategy: reconnectDelay_ms,
  });
  redis.on('error', () => undefined);
  return redis;
}
