import { reconnectDelay_ms } from '@catalog/runtime';
import { Redis, type RedisOptions } from 'ioredis';
import { isPlainUrl, redisUrlRule, sentinelAddress } from './redis-urls.ts';

type Options = Omit<RedisOptions, 'replyMapping'>;

/**
 * Connects to one Redis server, or to the primary that Redis Sentinel names:
 * `redis+sentinel://user:password@a:26379,b:26379/name?sentinelUsername=…&sentinelPassword=…`. The user and password are
 * those of the Redis server. With Sentinel the connection follows a failover: it closes, and the next one leads to the
 * new primary.
 * @throws TypeError for a URL of another form
 */
export function openRedis(url: string, options: Options): Redis {
  const address = sentinelAddress(url);
  if (address === undefined) {
    if (!isPlainUrl(url)) throw new TypeError(`The URL of a Redis ${redisUrlRule}.`);
    return new Redis(url, options);
  }
  return new Redis({
    ...options,
    ...address,
    sentinelRetryStrategy: reconnectDelay_ms,
    connectTimeout: options.connectTimeout ?? 1_000,
    // A sentinel that hangs must not hold up the search for one that answers.
    sentinelCommandTimeout: 1_000,
    // Listens to the sentinels. Without it a connection to a demoted primary would stay until that server closes it.
    failoverDetector: true,
    // Redis refuses writes with READONLY on a server that was demoted while nobody heard of it.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
  });
}
