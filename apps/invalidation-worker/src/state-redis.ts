import { Redis } from 'ioredis';

const retryStrategy = (attempt: number) => Math.min(1_000, 25 * 2 ** Math.min(attempt, 6));

/** For producers: fails at once while Redis is away; the changes wait in the outbox. */
export function connectProducer(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectionName: 'invalidation-worker producer',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 2_000,
    retryStrategy,
  });
  redis.on('error', onError);
  return redis;
}

/** For BullMQ workers, which wait for jobs on it, and for Redis if it is away. */
export function connectConsumer(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectionName: 'invalidation-worker consumer',
    maxRetriesPerRequest: null,
    retryStrategy,
  });
  redis.on('error', onError);
  return redis;
}

/** @throws where the server may evict keys: jobs would vanish */
export async function refuseEviction(redis: Redis): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy !== 'noeviction') {
    throw new Error(
      `the state Redis has maxmemory-policy ${policy ?? 'unknown'}: it must be noeviction, or jobs are lost`,
    );
  }
}
