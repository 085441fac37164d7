import { createHash } from 'node:crypto';
import { entities } from '@catalog/contracts';

/**
 * Who may do what in the two Redis servers. Each service has one ACL user. Nobody can sign in as `default`.
 *
 * A user may run the commands that its code uses, and no others (redis.io, "ACL"). A test compares these lists with the code.
 * A wide category would hold more than its name says: `SCRIPT DEBUG` stops the whole server, and `SCAN`, `RANDOMKEY` and
 * `CLIENT TRACKING` show keys of other users.
 */
export type RedisServer = 'cache' | 'state';

/** May do everything. It is for the person at the terminal. */
export const operator = 'operator';

/**
 * What ioredis sends on each connection. `INFO` shows the incarnation, the eviction policy and the memory in use. ioredis also
 * sends `CLIENT SETINFO`, and works when it is refused: Redis 7.0 does not know it, and would not start with it in its ACL.
 */
const connecting = 'ping client|setname info time';
const scripts = 'eval evalsha';
const entriesOfCache = 'get mget set del pttl subscribe';
/** Shows which node of a cluster has which keys. */
const map = 'cluster|nodes';
const rateLimit = 'get set incrby pttl';
const lockCommands = 'get set del pexpire';
/** The scripts of BullMQ, and what its classes call. */
const queues =
  'bzpopmin del exec exists get hdel hexists hget hgetall hincrby hlen hmget hmset hset incr incrby lindex llen lpop lpos lpush lrange lrem lset ltrim multi persist pexpire pexpireat pttl rename rpop rpoplpush rpush sadd scard set sismember smembers srem type unlink xadd xdel xlen xrange xread xtrim zadd zcard zcount zlexcount zpopmin zrange zrangebylex zrangebyscore zrem zremrangebyrank zremrangebyscore zrevrange zrevrangebyscore zscore';

type Reader = (typeof entities)[number]['readBy'];

/** The keys of the entities that a service reads. A new entity in `libs/contracts` needs no change here. */
const entityKeys = (reader?: Reader): string =>
  entities
    .filter(({ readBy }) => reader === undefined || readBy === reader)
    .map(({ cacheKey }) => `~${cacheKey('*')}`)
    .join(' ');
/** Pages of products, and the counters that make them stale. `libs/cache` names these keys. */
const listKeys = '~list:* ~generation:*';

interface User {
  readonly keys: string;
  readonly channels?: string;
  /** The commands, some of them twice. */
  readonly commands: readonly string[];
}

/** Reads and fills entries, and hears invalidations. Only the worker publishes them. */
const reader = {
  // Each node of a cluster has a channel of its own.
  channels: '&invalidations &invalidations:*',
  commands: [connecting, scripts, entriesOfCache, map],
};

const users: Readonly<Record<RedisServer, Readonly<Record<string, User>>>> = {
  cache: {
    'catalog-read': { ...reader, keys: `${entityKeys('catalog-read')} ${listKeys}` },
    orders: { ...reader, keys: entityKeys('orders') },
    console: { ...reader, keys: entityKeys('console') },
    // The auditor walks through all keys, and a purge says whether there was an entry.
    'invalidation-worker': {
      ...reader,
      keys: `${entityKeys()} ${listKeys}`,
      commands: [...reader.commands, 'exists publish scan'],
    },
  },
  state: {
    // Counts views and the requests of callers, and reads the list of popular products.
    'catalog-read': {
      keys: '~views:open ~views:open:id %R~views:popular ~rate:catalog-read:*',
      commands: [connecting, scripts, rateLimit, 'zcard zincrby zrevrange zscore'],
    },
    // Counts the requests of callers.
    orders: { keys: '~rate:orders:*', commands: [connecting, scripts, rateLimit] },
    // Keeps the results of dry runs, holds the lock for applying an import, and counts the requests of callers.
    'catalog-write': {
      keys: '~temporary:{import-dry-run}* ~lock:{import-apply}* ~rate:catalog-write:*',
      commands: [
        connecting,
        scripts,
        rateLimit,
        lockCommands,
        'exists pexpire pttl zadd zcard zremrangebyscore',
      ],
    },
    // Owns the queues, adds the counted views to Postgres, keeps the highest applied version, and tells the other workers which
    // changes it applies.
    'invalidation-worker': {
      keys: '~bull:* ~views:* ~lock:{expired-rows}* ~postgres:highest',
      channels: '&changes',
      commands: [connecting, scripts, queues, lockCommands, 'publish subscribe'],
    },
    // Shows the queues, lets admins act on them, keeps its sessions and who edits which product, and counts failed sign-ins.
    console: {
      keys: '~bull:* ~session:* ~editing:* ~throttle:* ~rate:console:*',
      commands: [connecting, scripts, queues, rateLimit, 'expire'],
    },
  },
};

export const redisServers = Object.keys(users) as RedisServer[];

/** What a user may run, in the order of the alphabet. */
export function commandsOf(server: RedisServer, user: string): string[] {
  const { commands = [] } = users[server][user] ?? {};
  return [...new Set(commands.join(' ').split(' '))].toSorted();
}

/** The ACL users of a server, including the operator. */
export function aclUsers(server: RedisServer): string[] {
  return [operator, ...Object.keys(users[server])];
}

/** The content of the server's ACL file. It holds hashes, not passwords. */
export function aclFile(server: RedisServer, passwords: Readonly<Record<string, string>>): string {
  const line = (user: string, rule: string) => {
    const password = passwords[user];
    if (password === undefined) throw new Error(`The ACL user ${user} has no password.`);
    return `user ${user} reset on #${createHash('sha256').update(password).digest('hex')} ${rule}`;
  };
  const services = Object.entries(users[server]).map(([user, { keys, channels }]) => {
    const allowed = commandsOf(server, user).map((command) => `+${command}`);
    return line(user, [keys, ...(channels === undefined ? [] : [channels]), ...allowed].join(' '));
  });
  // `default` is off, so that nobody can sign in as it, but it keeps all rights: Redis replays its append-only file as
  // this user. Without the rights it skips every transaction of the file and only writes that to its log.
  return ['user default reset off ~* &* +@all', line(operator, '~* &* +@all'), ...services, ''].join('\n');
}
