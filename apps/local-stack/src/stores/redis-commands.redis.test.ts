/** The list of commands of each ACL user is written by hand, and compared here with what the code uses. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { beforeAll, expect, test } from 'vitest';
import { repositoryRoot } from '../machine/stack-folder.ts';
import { aclUsers, commandsOf, operator, redisServers, type RedisServer } from './redis-acl.ts';

/** The names of all commands of Redis. */
let known: ReadonlySet<string>;
beforeAll(async () => {
  await using server = await startRedis();
  const redis = new Redis(server.url);
  known = new Set((await redis.call('COMMAND', 'LIST')) as string[]);
  redis.disconnect();
});

/** The Lua and the TypeScript that run as each user. */
const bullmq = ['node_modules/bullmq/dist/esm/scripts', 'node_modules/bullmq/dist/esm/classes'];
const ofRateLimit = ['libs/redis/src/rate-limit', 'libs/redis/src/memory'];
const codeOf: Readonly<Record<RedisServer, Readonly<Record<string, readonly string[]>>>> = {
  cache: {
    'catalog-read': ['libs/cache/src', 'libs/cache/lua'],
    orders: ['libs/cache/src', 'libs/cache/lua'],
    console: ['libs/cache/src', 'libs/cache/lua'],
    'invalidation-worker': [
      'libs/cache/src',
      'libs/cache/lua',
      'apps/invalidation-worker/src/audit',
      'apps/invalidation-worker/src/purge',
    ],
  },
  state: {
    'catalog-read': [...ofRateLimit, 'libs/redis/src/product-views'],
    orders: ofRateLimit,
    'catalog-write': [...ofRateLimit, 'libs/redis/src/temporary-data', 'libs/redis/src/lock'],
    'invalidation-worker': [
      ...bullmq,
      'libs/redis/src/product-views',
      'libs/redis/src/lock',
      'apps/invalidation-worker/src',
    ],
    console: [
      ...bullmq,
      'libs/redis/src/memory',
      'apps/console/server',
      'node_modules/rate-limiter-flexible/lib/RateLimiterRedis.js',
    ],
  },
};
/** Commands that ioredis sends, or the code that runs scripts, or the code that learns the map of a cluster. */
const sentByAll = ['client|setname', 'cluster|nodes', 'eval', 'evalsha', 'info', 'ping', 'time'];
/** Scripts that another user runs. */
const ofOthers: Readonly<Record<string, readonly string[]>> = {
  'cache/catalog-read': ['publish'],
  'cache/orders': ['publish'],
  'cache/console': ['publish'],
  // catalog-read counts views, and the worker takes them.
  'state/catalog-read': ['exec', 'exists', 'multi', 'rename', 'unlink', 'zadd', 'zrange'],
  'state/invalidation-worker': ['zincrby'],
};

function codeOfUser(server: RedisServer, user: string): string {
  return (codeOf[server][user] ?? [])
    .flatMap((path) => {
      const from = join(repositoryRoot, path);
      if (path.endsWith('.js')) return [from];
      return readdirSync(from, { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(?:lua|js|ts)$/.test(file) && !/\.(?:test|fixture|d)\.ts$/.test(file))
        .map((file) => join(from, file));
    })
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n');
}

const usersOfServers = redisServers.flatMap((server) =>
  aclUsers(server)
    .filter((user) => user !== operator)
    .map((user) => [server, user] as const),
);

test.each(usersOfServers)(
  'on the %s Redis, %s may run the commands of its code, and no others',
  (server, user) => {
    const code = codeOfUser(server, user);
    const allowed = commandsOf(server, user);
    const inScripts = [...code.matchAll(/\b(?:redis\.p?call|rcall)\(\s*["'](\w+)["']/g)].map(
      ([, name = '']) => name.toLowerCase(),
    );
    // The worker has both servers. Its code calls the cache Redis `connection.redis`, the connection of a shard.
    const called = [
      ...code.matchAll(
        server === 'cache'
          ? /\b(?:redis\.|encodeCommand\(')(\w+?)(?:Buffer)?['(]/g
          : /(?<!connection\.)\b(?:redis|producer|transaction)\.(\w+?)(?:Buffer)?\(/g,
      ),
    ].flatMap(([, name = '']) => (known.has(name) ? [name] : []));
    const ofUser = [...inScripts, ...called];
    const needed = new Set(ofUser.filter((name) => !(ofOthers[`${server}/${user}`] ?? []).includes(name)));
    expect([...needed].filter((name) => !allowed.includes(name)).sort()).toEqual([]);
    const isCalled = (name: string) => new RegExp(`[.]${name}(?:Buffer)?\\(`, 'i').test(code);
    const unused = allowed.filter(
      (name) => !sentByAll.includes(name) && !needed.has(name) && !isCalled(name),
    );
    expect(unused).toEqual([]);
  },
);
