import { reconnectDelay_ms } from '@catalog/runtime';
import type { Redis } from 'ioredis';
import { openRedis } from './open-redis.ts';

export interface StateRedisOptions {
  readonly url: string;
  /** Shown by CLIENT LIST. */
  readonly name: string;
  /** How long a command may take. */
  readonly call_ms?: number;
  readonly onError: (error: Error) => void;
}

/**
 * A connection to the state Redis. While the server is away, commands fail at once, and nothing is sent twice: no
 * request waits for work that can be done without. The connection comes back by itself.
 */
export function connectStateRedis({ url, name, call_ms = 1_000, onError }: StateRedisOptions): Redis {
  const redis = openRedis(url, {
    connectionName: name,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: call_ms,
    retryStrategy: reconnectDelay_ms,
  });
  redis.on('error', onError);
  return redis;
}

/** A connection for a BullMQ worker or a subscriber: it waits for messages, and for the server while it is away. */
export function connectBlocking({ url, name, onError }: Omit<StateRedisOptions, 'call_ms'>): Redis {
  const redis = openRedis(url, {
    connectionName: name,
    maxRetriesPerRequest: null,
    retryStrategy: reconnectDelay_ms,
  });
  redis.on('error', onError);
  return redis;
}

/** @throws where the server may evict keys: jobs and sessions would vanish */
export async function refuseEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy === 'noeviction') return;
  throw new Error(
    `the state Redis has maxmemory-policy ${policy ?? 'unknown'}, which may drop jobs. Set it to noeviction.`,
  );
}
