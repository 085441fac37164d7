import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as contracts from '@catalog/contracts';
import { entities } from '@catalog/contracts';
import { Lock, ProductViews, RateLimiter, TemporaryData } from '@catalog/redis';
import { startRedis, type RedisServer as TestRedis } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { repositoryRoot } from '../machine/stack-folder.ts';
import { aclFile, aclUsers, operator, redisServers, type RedisServer } from './redis-acl.ts';

const folder = mkdtempSync(join(tmpdir(), 'acl-'));
const password = 'for-this-test';
const servers = new Map<RedisServer, { process: TestRedis; operator: Redis }>();

beforeAll(async () => {
  for (const server of redisServers) {
    const aclfile = join(folder, `${server}.acl`);
    const passwords = Object.fromEntries(aclUsers(server).map((user) => [user, password]));
    writeFileSync(aclfile, aclFile(server, passwords));
    const process = await startRedis({ config: { aclfile } });
    servers.set(server, { process, operator: new Redis(process.port, { username: operator, password }) });
  }
});

afterAll(async () => {
  for (const server of servers.values()) {
    server.operator.disconnect();
    await server.process.stop();
  }
  rmSync(folder, { recursive: true, force: true });
});

async function dryRun(server: RedisServer, user: string, command: string): Promise<string> {
  const answer = await servers.get(server)?.operator.call('ACL', 'DRYRUN', user, ...command.split(' '));
  return String(answer);
}

describe.each([
  ['cache', 'catalog-read'],
  ['cache', 'orders'],
  ['cache', 'console'],
  ['cache', 'invalidation-worker'],
  ['state', 'catalog-read'],
  ['state', 'catalog-write'],
  ['state', 'orders'],
  ['state', 'invalidation-worker'],
  ['state', 'console'],
] as const)('on the %s Redis, %s', (server, user) => {
  test.each([
    'FLUSHALL',
    'FLUSHDB',
    'CONFIG SET maxmemory 1',
    'CONFIG GET *',
    'KEYS *',
    'GET somebody:else',
    'SHUTDOWN',
    'DEBUG SLEEP 1',
    'MONITOR',
    'REPLICAOF NO ONE',
    'ACL LIST',
    'CLIENT KILL ID 1',
    'SCRIPT FLUSH',
    'SCRIPT KILL',
    'FUNCTION FLUSH',
    'SELECT 1',
    'SUBSCRIBE other-channel',
    'SWAPDB 0 1',
    'SCRIPT DEBUG SYNC',
    'SCRIPT LOAD x',
    'RANDOMKEY',
    'CLIENT TRACKING ON BCAST',
    'CLIENT CACHING YES',
    'CLIENT LIST',
    'CLIENT PAUSE 1000',
    'PSUBSCRIBE *',
    'PUBSUB CHANNELS',
    'DBSIZE',
    'WAIT 1 1000',
  ])('may not %s', async (command) => {
    expect(await dryRun(server, user, command)).not.toBe('OK');
  });

  test.each(['PING', 'INFO everything', 'CLIENT SETNAME x', 'TIME'])('may %s', async (command) => {
    expect(await dryRun(server, user, command)).toBe('OK');
  });
});

const usersOfServers = redisServers.flatMap((server) =>
  aclUsers(server)
    .filter((user) => user !== operator)
    .map((user) => [server, user] as const),
);

test.each(usersOfServers)('on the %s Redis, only the worker may SCAN the cache: %s', async (server, user) => {
  const may = (await dryRun(server, user, 'SCAN 0')) === 'OK';
  expect(may).toBe(server === 'cache' && user === 'invalidation-worker');
});

test.each([
  ['cache', 'catalog-read', 'EVALSHA abc 1 product:1'],
  ['cache', 'catalog-read', 'GET sku:A'],
  ['cache', 'catalog-read', 'SET app:settings x'],
  ['cache', 'catalog-read', 'SUBSCRIBE invalidations'],
  ['cache', 'catalog-read', 'SUBSCRIBE invalidations:0123abcd'],
  ['cache', 'catalog-read', 'CLUSTER NODES'],
  ['cache', 'orders', 'CLUSTER NODES'],
  ['cache', 'console', 'CLUSTER NODES'],
  ['cache', 'invalidation-worker', 'CLUSTER NODES'],
  ['cache', 'invalidation-worker', 'PUBLISH invalidations:0123abcd x'],
  ['cache', 'orders', 'EVALSHA abc 1 report:sales:2026-01'],
  ['cache', 'orders', 'SUBSCRIBE invalidations'],
  ['cache', 'console', 'EVALSHA abc 1 user:1:profile'],
  ['cache', 'console', 'SUBSCRIBE invalidations'],
  ['cache', 'invalidation-worker', 'PUBLISH invalidations x'],
  ['cache', 'invalidation-worker', 'DEL generation:products'],
  ['state', 'catalog-read', 'EVALSHA abc 2 views:open views:open:id'],
  ['state', 'catalog-read', 'ZREVRANGE views:popular 0 10'],
  ['state', 'invalidation-worker', 'XADD bull:q:events * a b'],
  ['state', 'invalidation-worker', 'EVALSHA abc 4 views:open views:open:id views:closed views:closed:id'],
  ['state', 'invalidation-worker', 'EVALSHA abc 2 lock:{expired-rows} lock:{expired-rows}:fence'],
  ['state', 'catalog-write', 'EVALSHA abc 2 temporary:{import-dry-run}:1 temporary:{import-dry-run}'],
  ['state', 'catalog-write', 'GET temporary:{import-dry-run}:1'],
  ['state', 'catalog-write', 'EVALSHA abc 2 lock:{import-apply} lock:{import-apply}:fence'],
  ['cache', 'invalidation-worker', 'SCAN 0 COUNT 100'],
  ['state', 'invalidation-worker', 'PUBLISH changes x'],
  ['state', 'invalidation-worker', 'SUBSCRIBE changes'],
  ['state', 'invalidation-worker', 'BZPOPMIN bull:q:marker 1'],
  ['state', 'console', 'SET session:x y PX 1 XX'],
  ['state', 'console', 'ZADD session:of:x 1 y'],
  ['state', 'console', 'ZREVRANGE session:of:x 0 -1'],
  ['state', 'console', 'EVALSHA abc 1 throttle:pair:x'],
  ['state', 'console', 'HSET bull:q:meta paused 1'],
] as const)('on the %s Redis, %s may %s', async (server, user, command) => {
  expect(await dryRun(server, user, command)).toBe('OK');
});

test.each([
  ['cache', 'catalog-read', 'PUBLISH invalidations x'],
  ['cache', 'catalog-read', 'PUBLISH invalidations:0123abcd x'],
  ['cache', 'catalog-read', 'CLUSTER RESET'],
  ['cache', 'invalidation-worker', 'CLUSTER FAILOVER TAKEOVER'],
  ['cache', 'invalidation-worker', 'CLUSTER SETSLOT 1 STABLE'],
  ['cache', 'catalog-read', 'SPUBLISH invalidations x'],
  ['cache', 'orders', 'SPUBLISH invalidations x'],
  ['cache', 'console', 'SPUBLISH invalidations x'],
  ['state', 'console', 'SUBSCRIBE changes'],
  ['cache', 'orders', 'PUBLISH invalidations x'],
  ['cache', 'orders', 'GET product:1'],
  ['cache', 'orders', 'SET user:1 x'],
  ['cache', 'console', 'PUBLISH invalidations x'],
  ['cache', 'console', 'GET product:1'],
  ['cache', 'console', 'SET report:sales:2026-01 x'],
  ['cache', 'catalog-read', 'GET report:sales:2026-01'],
  ['cache', 'catalog-read', 'GET user:1'],
  ['state', 'orders', 'GET bull:q:meta'],
  ['state', 'orders', 'GET session:x'],
  ['state', 'orders', 'GET views:popular'],
  ['state', 'orders', 'GET temporary:{import-dry-run}:1'],
  ['state', 'orders', 'SUBSCRIBE changes'],
  ['state', 'console', 'GET rate:orders:caller:x'],
  ['state', 'catalog-read', 'GET bull:q:meta'],
  ['cache', 'invalidation-worker', 'GET bull:q:meta'],
  ['state', 'console', 'GET views:popular'],
  ['state', 'catalog-write', 'GET bull:q:meta'],
  ['state', 'catalog-write', 'GET session:x'],
  ['state', 'catalog-write', 'GET temporary:{other}:1'],
  ['state', 'catalog-write', 'GET lock:{expired-rows}'],
  ['state', 'invalidation-worker', 'GET lock:{import-apply}'],
  ['state', 'catalog-write', 'HSET temporary:{import-dry-run}:1 a b'],
  ['state', 'catalog-write', 'SUBSCRIBE changes'],
  ['state', 'invalidation-worker', 'GET temporary:{import-dry-run}:1'],
  ['state', 'catalog-read', 'GET session:x'],
  ['state', 'catalog-read', 'ZADD views:popular 1 a'],
  ['state', 'catalog-read', 'GET views:closed:id'],
  ['state', 'invalidation-worker', 'GET session:x'],
  ['state', 'console', 'CLIENT LIST'],
] as const)('on the %s Redis, %s may not %s', async (server, user, command) => {
  expect(await dryRun(server, user, command)).not.toBe('OK');
});

test.each(entities)(
  'on the cache Redis, the keys of $name are for $readBy and the worker, and for no other service',
  async ({ cacheKey, readBy }) => {
    expect(await usersWhoMay('cache', `GET ${cacheKey('1')}`)).toEqual(
      [readBy, 'invalidation-worker'].sort(),
    );
  },
);

test.each(readdirSync(join(repositoryRoot, 'apps')))(
  '%s caches only entities that its ACL user may read',
  (app) => {
    const foreign = entityImports(app).filter(({ readBy }) => readBy !== app);
    expect(foreign.map(({ name }) => name)).toEqual([]);
  },
);

/** The entities that are named in the files of a service which use the cache library. The worker may touch all. */
function entityImports(app: string) {
  if (app === 'invalidation-worker') return [];
  const folder = join(repositoryRoot, 'apps', app);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => !file.includes('node_modules') && /(?<!\.test|\.fixture)\.ts$/.test(file),
  );
  const code = files
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .filter((text) => text.includes("from '@catalog/cache'"))
    .join('\n');
  return Object.entries(contracts).flatMap(([constant, value]) => {
    const entity = entities.find((each) => each === value);
    return entity !== undefined && new RegExp(`\\b${constant}\\b`).test(code) ? [entity] : [];
  });
}

async function usersWhoMay(server: RedisServer, command: string): Promise<string[]> {
  const users: string[] = [];
  for (const user of aclUsers(server).filter((name) => name !== operator))
    if ((await dryRun(server, user, command)) === 'OK') users.push(user);
  return users.sort();
}

const ofCatalog = ['catalog-read', 'invalidation-worker'];
test.each<[RedisServer, string, string[]]>([
  ['cache', 'list:products:x', ofCatalog],
  ['cache', 'generation:products', ofCatalog],
  ['state', 'views:open', ofCatalog],
  ['state', 'views:popular', ofCatalog],
  ['state', 'views:closed', ['invalidation-worker']],
  ['state', 'bull:q:meta', ['invalidation-worker', 'console']],
  ['state', 'session:x', ['console']],
  ['state', 'throttle:pair:x', ['console']],
  ['state', 'temporary:{import-dry-run}:1', ['catalog-write']],
  ['state', 'lock:{import-apply}', ['catalog-write']],
  ['state', 'lock:{expired-rows}', ['invalidation-worker']],
  ['state', 'rate:catalog-read:caller:x', ['catalog-read']],
  ['state', 'rate:catalog-write:caller:x', ['catalog-write']],
  ['state', 'rate:orders:caller:x', ['orders']],
])('on the %s Redis, %s is for %j and no other service', async (server, key, users) => {
  expect(await usersWhoMay(server, `GET ${key}`)).toEqual(users.toSorted());
});

test.each([
  ['catalog-write', 'import-apply'],
  ['invalidation-worker', 'expired-rows'],
])('as %s, the scripts of the lock %s may do all they need', async (username, name) => {
  const redis = new Redis(servers.get('state')?.process.port ?? 0, { username, password });
  const held = await new Lock({ redis, name, ttl_ms: 60_000 }).acquire();
  expect(await held?.extend()).toBe(true);
  await held?.[Symbol.asyncDispose]();
  expect(await redis.exists(`lock:{${name}}`)).toBe(0);
  redis.disconnect();
});

test('catalog-write may store the results of dry runs with a script', async () => {
  const redis = new Redis(servers.get('state')?.process.port ?? 0, { username: 'catalog-write', password });
  const limits = { max_bytes: 100, maxValues: 1, maxPerOwner: 1, onUnreadable: () => {} };
  const dryRuns = new TemporaryData({ redis, kind: 'import-dry-run', schema: z.string(), ...limits });
  expect(await dryRuns.put('a', 'caller:console', 'result', 60_000)).toBe('stored');
  expect(await dryRuns.put('a', 'caller:console', 'result', 120_000)).toBe('stored');
  expect(await dryRuns.get('a')).toBe('result');
  expect(await dryRuns.putNew('b', 'caller:console', 'result', 60_000)).toBe('full');
  redis.disconnect();
});

test('catalog-read may count views, and the worker may take them and write the popular list', async () => {
  const connect = (username: string) =>
    new Redis(servers.get('state')?.process.port ?? 0, { username, password });
  const [reader, worker] = [connect('catalog-read'), connect('invalidation-worker')];
  await new ProductViews(reader).count([{ id: 'a', views: 1 }]);
  const batch = await new ProductViews(worker).closeBatch();
  expect(batch?.counts).toEqual([{ id: 'a', views: 1 }]);
  await new ProductViews(worker).replacePopular(batch?.counts ?? []);
  await new ProductViews(worker).deleteBatch(batch?.id ?? '');
  expect(await new ProductViews(reader).popular(0, 1)).toEqual(['a']);
  reader.disconnect();
  worker.disconnect();
});

const limited = ['catalog-read', 'catalog-write', 'orders'] as const;
test.each(limited)(
  '%s may count the requests of its own callers, and of no other service',
  async (username) => {
    const redis = new Redis(servers.get('state')?.process.port ?? 0, { username, password });
    const errors: unknown[] = [];
    const limiter = (name: string) =>
      new RateLimiter({
        redis,
        name,
        limit: 10,
        window_ms: 60_000,
        // A busy test machine may pause a Redis that works.
        wait_ms: 10_000,
        onError: (error) => errors.push(error),
      });
    const own = limiter(username);
    for (let count = 0; count < 10; count++) expect((await own.take('one')).allowed).toBe(true);
    expect((await own.take('one')).allowed).toBe(false);
    expect(errors).toEqual([]);
    for (const other of limited.filter((name) => name !== username)) await limiter(other).take('one');
    expect(errors.map(String)).toEqual([
      expect.stringContaining('NOPERM'),
      expect.stringContaining('NOPERM'),
    ]);
    redis.disconnect();
  },
);

test.each(redisServers)('the %s Redis refuses a connection without a password', async (server) => {
  const port = servers.get(server)?.process.port ?? 0;
  const anonymous = new Redis(port, { lazyConnect: true, retryStrategy: () => null });
  anonymous.on('error', () => {});
  await expect(anonymous.get('product:1')).rejects.toThrow(/NOAUTH|closed/);
  anonymous.disconnect();
});

test.each(redisServers)('the %s Redis refuses a wrong password', async (server) => {
  const connection = new Redis(servers.get(server)?.process.port ?? 0, { username: operator, password });
  for (const user of ['default', ...aclUsers(server)])
    await expect(connection.call('AUTH', user, 'wrong'), user).rejects.toThrow('WRONGPASS');
  connection.disconnect();
});

test('a transaction in the append-only file survives a crash', async () => {
  const aclfile = join(folder, 'append-only.acl');
  const passwords = Object.fromEntries(aclUsers('state').map((user) => [user, password]));
  writeFileSync(aclfile, aclFile('state', passwords));
  await using process = await startRedis({ config: { aclfile, appendonly: 'yes', appendfsync: 'always' } });
  const connect = () => new Redis(process.port, { username: 'invalidation-worker', password });
  const before = connect();
  await before.multi().set('bull:first', '1').set('bull:second', '2').exec();
  before.disconnect();
  await process.restart();
  const after = connect();
  expect([await after.get('bull:first'), await after.get('bull:second')]).toEqual(['1', '2']);
  after.disconnect();
});
