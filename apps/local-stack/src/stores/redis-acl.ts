/**
 * Who may do what in the two Redis servers. One ACL user a service; nobody can sign in as `default`.
 *
 * Rules are read from left to right (redis.io, "ACL"). What nobody but the operator gets: the categories
 * @dangerous and @admin, in which are FLUSHALL, CONFIG, KEYS, DEBUG, MONITOR, SHUTDOWN, REPLICAOF and CLIENT
 * KILL. INFO is in @dangerous too, and given back by name: the cache library tells from it whether the server
 * still lives the same life, and BullMQ reads the eviction policy.
 */
import { createHash } from 'node:crypto';

export type RedisServer = 'cache' | 'state';

/** May do everything; for the person at the terminal. */
export const operator = 'operator';

/** After the wide categories: takes back what would reach beyond the keys of the user. */
const restrictions = '-@dangerous -@admin -script|flush -script|kill -function -select +info';

/** Every key of the coherent cache; `libs/contracts` and `libs/cache` name them. */
const cacheKeys = '~product:* ~sku:* ~app:* ~list:* ~generation:*';
const cacheChannel = '&invalidations';

const rules: Readonly<Record<RedisServer, Readonly<Record<string, string>>>> = {
  cache: {
    // Reads and fills entries, and listens.
    'catalog-read': `${cacheKeys} ${cacheChannel} +@connection +@read +@write +@scripting +@pubsub ${restrictions} +time -publish -spublish`,
    // The same for the months of the sales report.
    orders: `~report:* ${cacheChannel} +@connection +@read +@write +@scripting +@pubsub ${restrictions} +time -publish -spublish`,
    // The same for the profiles of its users.
    console: `~user:* ${cacheChannel} +@connection +@read +@write +@scripting +@pubsub ${restrictions} +time -publish -spublish`,
    // Invalidates and refreshes entries, bumps generations, and publishes.
    'invalidation-worker': `${cacheKeys} ~report:* ~user:* ${cacheChannel} +@connection +@read +@write +@scripting +@pubsub ${restrictions} +time`,
  },
  state: {
    // Counts views, and requests of callers.
    'catalog-read': `~views:* ~rate:catalog-read:* +@connection +@read +@write +@scripting ${restrictions} +time`,
    // Counts requests of callers.
    orders: `~rate:orders:* +@connection +@read +@write +@scripting ${restrictions} +time`,
    // Keeps the results of dry runs, holds the lock on applying an import, and counts requests of callers.
    'catalog-write': `~temporary:{import-dry-run}* ~lock:{import-apply}* ~rate:catalog-write:* +@connection +get +set +incrby +del +exists +pexpire +pttl +zadd +zcard +zremrangebyscore +eval +evalsha ${restrictions} +time`,
    // Owns the queues, takes the view counters over into Postgres, and tells the other workers what it applies.
    'invalidation-worker': `~bull:* ~views:* ~lock:{view-archive}* ~lock:{expired-rows}* &bull:* &changes +@all ${restrictions}`,
    // Shows the queues and lets admins act on them; keeps its sessions, and counts failed sign-ins.
    console: `~bull:* ~session:* ~throttle:* &bull:* +@connection +@read +@write +@scripting +@transaction +@pubsub ${restrictions} +time`,
  },
};

export const redisServers = Object.keys(rules) as RedisServer[];

/** The ACL users of a server, the operator among them. */
export function aclUsers(server: RedisServer): string[] {
  return [operator, ...Object.keys(rules[server])];
}

/** The lines of the server's ACL file; passwords stand in it hashed. */
export function aclFile(server: RedisServer, passwords: Readonly<Record<string, string>>): string {
  const line = (user: string, rule: string) => {
    const password = passwords[user];
    if (password === undefined) throw new Error(`the ACL user ${user} has no password`);
    return `user ${user} reset on #${createHash('sha256').update(password).digest('hex')} ${rule}`;
  };
  const services = Object.entries(rules[server]).map(([user, rule]) => line(user, rule));
  // Off, so that nobody is `default`, but with all rights: Redis itself reads its append-only file as this user,
  // and without them it skips every transaction of the file and only logs that it did.
  return ['user default reset off ~* &* +@all', line(operator, '~* &* +@all'), ...services, ''].join('\n');
}
