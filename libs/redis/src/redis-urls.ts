import type { RedisOptions } from 'ioredis';

/** What a URL says about where a Redis behind Sentinel is. */
type SentinelAddress = Pick<
  RedisOptions,
  'sentinels' | 'name' | 'username' | 'password' | 'sentinelUsername' | 'sentinelPassword'
>;

interface HostAndPort {
  readonly host: string;
  readonly port: number;
}

/** Some nodes of a Redis Cluster, and the user that every node knows. */
export interface ClusterAddress {
  readonly nodes: readonly HostAndPort[];
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

const user = String.raw`(?:(?<username>[^:@/]*):(?<password>[^@/]*)@)?`;
const sentinelUrl = new RegExp(
  String.raw`^redis\+sentinel://${user}(?<hosts>[^/@?]+)/(?<name>[\w.-]+)(?:\?(?<query>.*))?$`,
);
const clusterUrl = new RegExp(String.raw`^redis\+cluster://${user}(?<hosts>[^/@?]+)/?$`);

/** For messages about a wrong URL. */
export const redisUrlRule =
  'must be a URL such as redis://host:6379, rediss://host:6379, redis+sentinel://a:26379,b:26379/name ' +
  'or, for the cache alone, redis+cluster://a:6379,b:6379';

/** Whether `openRedis` understands the URL: it leads to one server, or to the primary that Sentinel names. */
export function isRedisUrl(url: string): boolean {
  return sentinelAddress(url) !== undefined || isPlainUrl(url);
}

/** Whether the URL leads to a Redis that may be the cache: one server, or a cluster. */
export function isCacheRedisUrl(url: string): boolean {
  return isRedisUrl(url) || clusterAddress(url) !== undefined;
}

export function isPlainUrl(url: string): boolean {
  return URL.canParse(url) && ['redis:', 'rediss:'].includes(new URL(url).protocol);
}

/** @returns undefined where the URL names no sentinels */
export function sentinelAddress(url: string): SentinelAddress | undefined {
  const parts = sentinelUrl.exec(url)?.groups;
  const sentinels = parts === undefined ? undefined : hostsOf(parts['hosts'] ?? '', 26_379);
  if (parts === undefined || sentinels === undefined || !isDecodable(parts)) return undefined;
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

/** @returns undefined where the URL names no nodes of a cluster */
export function clusterAddress(url: string): ClusterAddress | undefined {
  const parts = clusterUrl.exec(url)?.groups;
  const nodes = parts === undefined ? undefined : hostsOf(parts['hosts'] ?? '', 6_379);
  if (parts === undefined || nodes === undefined || !isDecodable(parts)) return undefined;
  return { nodes, username: decoded(parts['username']), password: decoded(parts['password']) };
}

/** The URL of one node of a cluster. */
export function nodeUrl({ host, port }: HostAndPort, { username, password }: ClusterAddress): string {
  const encode = (text = '') => encodeURIComponent(text);
  const account =
    username === undefined && password === undefined ? '' : `${encode(username)}:${encode(password)}@`;
  return `redis://${account}${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** @returns undefined unless each host has a name and a possible port */
function hostsOf(text: string, defaultPort: number): { host: string; port: number }[] | undefined {
  const hosts = text.split(',').map((each) => splitHost(each, defaultPort));
  return hosts.every(({ host, port }) => host !== '' && port > 0 && port < 65_536) ? hosts : undefined;
}

/** `host`, `host:port` or `[ipv6]:port`. */
function splitHost(text: string, defaultPort: number): { host: string; port: number } {
  const { host = '', port } = /^(?<host>\[[\da-f:.]+\]|[^:]*)(?::(?<port>\d+))?$/i.exec(text)?.groups ?? {};
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? defaultPort : Number(port) };
}

const isDecodable = ({ username = '', password = '' }: Record<string, string | undefined>): boolean =>
  [username, password].every((text) => !/%(?![\da-f]{2})/i.test(text));

const decoded = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : decodeURIComponent(text);

const withoutUndefined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
