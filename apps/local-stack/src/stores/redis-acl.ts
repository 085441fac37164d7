import { createHash } from 'node:crypto';
import { entities } from '@catalog/contracts';

/**
 * Who may do what in the two Redis servers. Each service has one ACL user. Nobody can sign in as `default`.
 *
 * Redis reads a rule from left to right (redis.io, "ACL"). Only the operator gets the categories @dangerous and
 * @admin, which hold FLUSHALL, CONFIG, KEYS, DEBUG, MONITOR, SHUTDOWN, REPLICAOF and CLIENT KILL. INFO is in
 * @dangerous too. Services get it back, because the cache library reads the incarnation from it, and BullMQ reads the
 * eviction policy.
 */
export type RedisServer = 'cache' | 'state';

/** May do everything. It is for the person at the terminal. */
export const operator = 'operator';

/** Stands after the wide categories and takes back the commands that reach beyond the keys of the user. */
const restrictions = '-@dangerous -@admin -script|flush -script|kill -function -select +info';

type Reader = (typeof entities)[number]['readBy'];

/** The keys of the entities that a service reads. A new entity in `libs/contracts` needs no change here. */
const entityKeys = (reader?: Reader): string =>
  entities
    .filter(({ readBy }) => reader === undefined || readBy === reader)
    .map(({ cacheKey }) => `~${cacheKey('*')}`)
    .join(' ');
/** Pages of products, and the counters that make them stale. `libs/cache` names these keys. */
const listKeys = '~list:* ~generation:*';

const cacheCommands = `&invalidations +@connection +@read +@write +@scripting +@pubsub ${restrictions} +time`;
/** Reads and fills entries, and hears invalidations. Only the worker publishes them. */
const readerCommands = `${cacheCommands} -publish -spublish`;

const rules: Readonly<Record<RedisServer, Readonly<Record<string, string>>>> = {
  cache: {
    'catalog-read': `${entityKeys('catalog-read')} ${listKeys} ${readerCommands}`,
    orders: `${entityKeys('orders')} ${readerCommands}`,
    console: `${entityKeys('console')} ${readerCommands}`,
    'invalidation-worker': `${entityKeys()} ${listKeys} ${cacheCommands}`,
  },
  state: {
    // Counts views and the requests of callers, and reads the list of popular products.
    'catalog-read': `~views:open ~views:open:id %R~views:popular ~rate:catalog-read:* +@connection +@read +@write +@scripting ${restrictions} +time`,
    // Counts the requests of callers.
    orders: `~rate:orders:* +@connection +@read +@write +@scripting ${restrictions} +time`,
    // Keeps the results of dry runs, holds the lock for applying an import, and counts the requests of callers.
    'catalog-write': `~temporary:{import-dry-run}* ~lock:{import-apply}* ~rate:catalog-write:* +@connection +get +set +incrby +del +exists +pexpire +pttl +zadd +zcard +zremrangebyscore +eval +evalsha ${restrictions} +time`,
    // Owns the queues, adds the counted views to Postgres, keeps the highest applied version, and tells the other workers which changes it applies.
    'invalidation-worker': `~bull:* ~views:* ~lock:{expired-rows}* ~postgres:highest &bull:* &changes +@all ${restrictions}`,
    // Shows the queues, lets admins act on them, keeps its sessions and who edits which product, and counts failed sign-ins.
    console: `~bull:* ~session:* ~editing:* ~throttle:* &bull:* +@connection +@read +@write +@scripting +@transaction +@pubsub ${restrictions} +time`,
  },
};

export const redisServers = Object.keys(rules) as RedisServer[];

/** The ACL users of a server, including the operator. */
export function aclUsers(server: RedisServer): string[] {
  return [operator, ...Object.keys(rules[server])];
}

/** The content of the server's ACL file. It holds hashes, not passwords. */
export function aclFile(server: RedisServer, passwords: Readonly<Record<string, string>>): string {
  const line = (user: string, rule: string) => {
    const password = passwords[user];
    if (password === undefined) throw new Error(`The ACL user ${user} has no password.`);
    return `user ${user} reset on #${createHash('sha256').update(password).digest('hex')} ${rule}`;
  };
  const services = Object.entries(rules[server]).map(([user, rule]) => line(user, rule));
  // `default` is off, so that nobody can sign in as it, but it keeps all rights: Redis replays its append-only file as
  // this user. Without the rights it skips every transaction of the file and only writes that to its log.
  return ['user default reset off ~* &* +@all', line(operator, '~* &* +@all'), ...services, ''].join('\n');
}
