import { Redis } from 'ioredis';

/** Fails at once while Redis is away, and comes back by itself: nobody waits for what may be done without. */
export function connectStateRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectionName: 'catalog-write',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: 1_000,
    retryStrategy: (attempt) => Math.min(1_000, 25 * 2 ** Math.min(attempt, 6)),
  });
  redis.on('error', onError);
  return redis;
}
