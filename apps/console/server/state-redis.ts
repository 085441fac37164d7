import { Redis } from 'ioredis';

/** For sessions, throttling and the queues: fails at once while Redis is away, and comes back by itself. */
export function connectStateRedis(url: string, onError: (error: Error) => void): Redis {
  const redis = new Redis(url, {
    connectionName: 'console',
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    commandTimeout: 2_000,
    retryStrategy: (attempt) => Math.min(1_000, 25 * 2 ** Math.min(attempt, 6)),
  });
  redis.on('error', onError);
  return redis;
}
