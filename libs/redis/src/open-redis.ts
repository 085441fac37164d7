import { reconnectDelay_ms } from '@catalog/runtime';
import { Redis, type RedisOptions } from 'ioredis';

type Options = Omit<RedisOptions, 'replyMapping'>;

/** What a URL says about where a Redis is. */
type Address = Pick<
  RedisOptions,
  'sentinels' | 'name' | 'username' | 'password' | 'sentinelUsername' | 'sentinelPassword'
>;

const sentinelUrl =
  /^redis\+sentinel:\/\/(?:(?<username>[^:@/]*):(?<password>[^@/]*)@)?(?<hosts>[^/@?]+)\/(?<name>[\w.-]+)(?:\?(?<query>.*))?$/;

/** For messages about a wrong URL. */
export const redisUrlRule =
  'must be a URL such as redis://host:6379, rediss://host:6379 or redis+sentinel://a:26379,b:26379/name';

/** Whether {@link openRedis} understands the URL. */
export function isRedisUrl(url: string): boolean {
  return sentinelAddress(url) !== undefined || isPlainUrl(url);
}

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

function isPlainUrl(url: string): boolean {
  return URL.canParse(url) && ['redis:', 'rediss:'].includes(new URL(url).protocol);
}

/** @returns undefined where the URL names no sentinels */
function sentinelAddress(url: string): Address | undefined {
  const parts = sentinelUrl.exec(url)?.groups;
  if (parts === undefined) return undefined;
  const sentinels = (parts['hosts'] ?? '').split(',').map((host) => {
    const { hostname, port } = splitHost(host);
    return { host: hostname, port };
  });
  if (sentinels.some(({ host, port }) => host === '' || !(port > 0 && port < 65_536))) return undefined;
  const query = new URLSearchParams(parts['query'] ?? '');
  return withoutUndefined({
    sentinels,
    name: parts['name'],
    username: decoded(parts['username']),
    password: decoded(parts['password']),
    sentinelUsername: query.get('sentinelUsername') ?? undefined,
    sentinelPassword: query.get('sentinelPassword') ?? undefined,
  });
}

/** `host`, `host:port` or `[ipv6]:port`. */
function splitHost(text: string): { hostname: string; port: number } {
  const { host = '', port } = /^(?<host>\[[\da-f:.]+\]|[^:]*)(?::(?<port>\d+))?$/i.exec(text)?.groups ?? {};
  return { hostname: host.replace(/^\[|\]$/g, ''), port: port === undefined ? 26_379 : Number(port) };
}

const decoded = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : decodeURIComponent(text);

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
