import { feedLimits, INVALIDATION_QUEUE } from '@catalog/change-feed';
import { createPool } from '@catalog/database';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { eventually, startRedis, tcpProxy } from '@catalog/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, expect, test } from 'vitest';
import { startStores, startWorker, type Stores, type WorkerOptions } from './testing/running-worker.ts';

const started: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of started.splice(0).toReversed()) await each[Symbol.asyncDispose]();
});

async function stores(options?: Parameters<typeof startStores>[0]): Promise<Stores> {
  const made = await startStores(options);
  started.push(made);
  return made;
}

async function worker(on: Stores, options?: WorkerOptions) {
  const made = await startWorker(on, options);
  started.push(made);
  await made.ready();
  return made;
}

/** A product that a reader has cached, with no change under way. */
async function cachedProduct(on: Stores): Promise<{ id: string; key: string; version: number }> {
  const [id = ''] = await on.insertProducts(1);
  await on.settled();
  const key = `product:${id}`;
  const version = await on.reader.fill(key);
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
  return { id, key, version };
}

/** A queue for the test alone. The worker has its own. */
function queueOf(on: Stores): Queue {
  const queue = new Queue(INVALIDATION_QUEUE, { connection: { url: on.stateRedis.url } });
  queue.on('error', () => undefined);
  return queue;
}

const rename = async (on: Stores, id: string, name: string): Promise<number> => {
  const { rows } = await on.owner.query<{ version: number }>(
    'update catalog.products set name = $2 where id = $1 returning version',
    [id, name],
  );
  return rows[0]?.version ?? 0;
};

test('an edit in SQL is invalidated, announced and acknowledged, and its key is refreshed because it was in use', async () => {
  const on = await stores();
  const { metric } = await worker(on);
  const { id, key } = await cachedProduct(on);
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await on.reader.state(key)).version === version);
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
  expect(on.reader.heard).toContainEqual([key, version]);
  await on.settled();
  await eventually(async () => (await metric('keys_refreshed_total')) === 1);
  expect(await metric('changes_applied_total')).toBe(3);
});

test('a key that is not in use is invalidated and not refreshed', async () => {
  const on = await stores();
  await worker(on);
  const [id = ''] = await on.insertProducts(1);
  await rename(on, id, 'Torch');
  await on.settled();
  expect(await on.reader.state(`product:${id}`)).toEqual({ state: 'absent', version: undefined });
});

test('a deleted row is cached as missing, with the version of its tombstone', async () => {
  const on = await stores();
  await worker(on);
  const { id, key, version } = await cachedProduct(on);
  await on.owner.query('delete from catalog.products where id = $1', [id]);
  await eventually(async () => (await on.reader.state(key)).state === 'missing');
  expect((await on.reader.state(key)).version).toBeGreaterThan(version);
});

test('heartbeats make readers trust the cache, and the watermark stops when changes cannot be applied', async () => {
  const on = await stores();
  await worker(on);
  const { cache } = on.reader;
  await eventually(() => cache.status().nearCache.isSound && cache.status().redisIsFresh);
  // A change that cannot be acknowledged holds back the watermark.
  const client = await on.owner.connect();
  await client.query('begin');
  await client.query('lock table catalog.cache_incarnation in access exclusive mode');
  await on.insertProducts(1);
  await eventually(() => !cache.status().redisIsFresh);
  await client.query('rollback');
  client.release();
  await eventually(() => cache.status().redisIsFresh);
  await on.settled();
  expect(await on.unapplied()).toBe(0);
});

test('repeated jobs, and an old job after a new one, change nothing', async () => {
  const on = await stores();
  await worker(on);
  const { id, key, version: old } = await cachedProduct(on);
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await on.reader.state(key)).version === version);
  await on.settled();

  const queue = queueOf(on);
  const job = (seq: number, changed: number) => ({
    name: 'invalidate',
    data: { changes: [{ seq, transaction: 1, entity: 'product', key: id, version: changed }] },
  });
  await queue.addBulk([...Array.from({ length: 10 }, () => job(1, version)), job(2, old), job(1, version)]);
  await eventually(async () => (await queue.getWaitingCount()) + (await queue.getActiveCount()) === 0);
  expect(await queue.getFailedCount()).toBe(0);
  await queue.close();
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
});

test('a job with invalid data ends in the failed set and delays no other change', async () => {
  const on = await stores();
  await worker(on);
  const { id, key } = await cachedProduct(on);
  const queue = queueOf(on);
  await queue.addBulk(
    [
      {},
      { changes: [] },
      { changes: 'x' },
      { changes: [{ seq: 1, transaction: 1, entity: 'product', key: id, version: -1 }] },
    ].map((data) => ({ name: 'invalidate', data })),
  );
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await on.reader.state(key)).version === version);
  await eventually(async () => (await queue.getFailedCount()) === 4);
  await queue.close();
  await on.settled();
  expect(await on.unapplied()).toBe(0);
});

test('changes of an unknown entity are acknowledged, because no reader caches it', async () => {
  const on = await stores();
  await worker(on);
  await on.owner.query(`insert into catalog.outbox (entity, key, version) values ('of tomorrow', 'x', 1)`);
  await on.settled();
  expect(await on.unapplied()).toBe(0);
});

test('a forged row costs one needless invalidation and delays no change', async () => {
  const on = await stores();
  await worker(on);
  const { id, key } = await cachedProduct(on);
  await on.owner.query(
    `insert into catalog.outbox (entity, key, version)
     values ('', '', -1), ('product', '', 9223372036854775807), ('settings', 'x', -5), ('sku', '', 0)`,
  );
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await on.reader.state(key)).version === version);
  await on.settled();
  expect(await on.unapplied()).toBe(0);
});

test('no change is lost when the state Redis loses its data', async () => {
  const on = await stores({ stateConfig: { appendonly: 'no' } });
  await worker(on);
  const { id, key } = await cachedProduct(on);
  // The change waits in a queue that no worker takes jobs from.
  const queue = queueOf(on);
  await queue.pause();
  const version = await rename(on, id, 'Torch');
  await eventually(async () => (await queue.getJobCountByTypes('waiting')) > 0);
  await queue.close();
  await on.stateRedis.restart();
  await on.settled(15_000);
  await eventually(async () => (await on.reader.state(key)).version === version);
  expect(await on.unapplied()).toBe(0);
}, 30_000);

test('while the state Redis is away, changes wait in the outbox', async () => {
  const on = await stores();
  await worker(on);
  const { id, key } = await cachedProduct(on);
  await on.stateRedis.kill('SIGKILL');
  const version = await rename(on, id, 'Torch');
  expect(await on.unapplied()).toBe(1);
  await on.stateRedis.restart();
  await on.settled(15_000);
  await eventually(async () => (await on.reader.state(key)).version === version);
}, 30_000);

test('recent changes are applied again to a new incarnation of the cache before readers trust it', async () => {
  const on = await stores();
  const { metric } = await worker(on);
  const { cache, connection } = on.reader;
  await cachedProduct(on);
  await eventually(() => cache.status().redisIsFresh);
  const first = connection.incarnation;
  await on.cacheRedis.restart();
  await eventually(() => connection.incarnation !== undefined && connection.incarnation !== first);
  await eventually(async () => (await metric('changes_replayed_total')) === 2);
  await eventually(() => cache.status().redisIsFresh);
  expect(await on.unapplied()).toBe(0);
  const { rows } = await on.owner.query<{ registered: string }>(
    'select incarnation as registered from catalog.cache_incarnation',
  );
  expect(rows).toEqual([{ registered: connection.incarnation }]);
}, 30_000);

test('a worker on a Redis that is not registered sends no heartbeat and acknowledges nothing', async () => {
  const on = await stores();
  const left = await worker(on);
  const { cache, connection } = on.reader;
  await eventually(() => cache.status().redisIsFresh);
  // A failover that the first worker has not noticed: the other worker is on another server.
  await using other = await startRedis();
  const ahead = await worker(on, { cacheRedisUrl: other.url });
  await eventually(() => !cache.status().redisIsFresh);
  const [id] = await on.insertProducts(1);
  await on.settled(15_000);
  const { rows } = await on.owner.query<{ applied_to: string; registered: string }>(
    `select distinct applied_to, incarnation as registered from catalog.outbox, catalog.cache_incarnation
     where applied_at is not null and key = $1`,
    [id],
  );
  expect(rows).toHaveLength(1);
  expect(rows[0]?.applied_to).toBe(rows[0]?.registered);
  expect(rows[0]?.registered).not.toBe(connection.incarnation);
  await eventually(async () => (await fetch(`${left.url}/readyz`)).status === 503);
  expect((await fetch(`${ahead.url}/readyz`)).status).toBe(200);
}, 30_000);

test('an overruled worker takes over when all workers of the registered Redis are gone', async () => {
  const on = await stores();
  const left = await worker(on);
  const { cache, connection } = on.reader;
  await eventually(() => cache.status().redisIsFresh);
  await using other = await startRedis();
  const ahead = await startWorker(on, { cacheRedisUrl: other.url });
  await eventually(async () => (await fetch(`${left.url}/readyz`)).status === 503);
  const registered = async () =>
    (await on.owner.query<{ incarnation: string }>('select incarnation from catalog.cache_incarnation'))
      .rows[0]?.incarnation;
  const theirs = await registered();
  await ahead[Symbol.asyncDispose]();
  // Pretend that it was last seen a minute ago.
  await on.owner.query(`update catalog.cache_incarnation set seen_at = seen_at - interval '1 minute'`);
  await eventually(() => cache.status().redisIsFresh, { timeout_ms: 10_000 });
  expect(await registered()).toBe(connection.incarnation);
  expect(theirs).not.toBe(connection.incarnation);
}, 30_000);

test('a Redis that returns after the outbox has lost its missed changes is purged before readers trust it', async () => {
  const on = await stores();
  const first = await startWorker(on);
  const { key, id } = await cachedProduct(on);
  await on.settled();
  await first[Symbol.asyncDispose]();
  await using other = await startRedis();
  const second = await startWorker(on, { cacheRedisUrl: other.url });
  await on.owner.query(`update catalog.products set name = 'Torch' where id = $1`, [id]);
  await on.settled();
  await second[Symbol.asyncDispose]();
  // Pretend that this was long ago, so that the outbox was cleaned.
  await on.owner.query(`update catalog.former_incarnations set ended_at = ended_at - interval '10 minutes'`);
  await on.owner.query('delete from catalog.outbox');
  expect((await on.reader.state(key)).state).toBe('value');

  const { cache } = on.reader;
  await worker(on);
  await eventually(() => cache.status().redisIsFresh, { timeout_ms: 10_000 });
  expect((await on.reader.state(key)).state).toBe('dead');
}, 30_000);

test('two workers share the changes, and one goes on when the other stops', async () => {
  const on = await stores();
  const one = await worker(on);
  await worker(on);
  const ids = await on.insertProducts(300);
  await on.owner.query(`update catalog.products set name = 'Torch' where id = any ($1)`, [ids]);
  await on.settled();
  await one[Symbol.asyncDispose]();
  started.splice(started.indexOf(one), 1);
  await on.owner.query(`update catalog.products set name = 'Lantern' where id = any ($1)`, [ids]);
  await on.settled();
  const { rows } = await on.owner.query<{ most: number }>(
    'select max(dispatches) as most from catalog.outbox',
  );
  expect(rows[0]?.most).toBe(1);
}, 30_000);

test('during a mass change the queue holds a bounded number of jobs', async () => {
  const on = await stores();
  await worker(on);
  await on.insertProducts(25_000);
  const queue = queueOf(on);
  let most = 0;
  await eventually(
    async () => {
      most = Math.max(most, await queue.getWaitingCount());
      return (await on.unapplied()) === 0;
    },
    { timeout_ms: 60_000, interval_ms: 20 },
  );
  await queue.close();
  expect(most).toBeLessThanOrEqual(feedLimits.waitingJobs + feedLimits.claimChanges / feedLimits.jobChanges);
}, 90_000);

test('a state Redis that may evict keys is refused', async () => {
  const on = await stores({ stateConfig: { 'maxmemory-policy': 'allkeys-lru', maxmemory: '50mb' } });
  const { ended } = await startWorker(on);
  await expect(ended).rejects.toThrow(/noeviction/);
});

test('when an SKU moves to another product, its index entry is invalidated', async () => {
  const on = await stores();
  await worker(on);
  const [one = '', two = ''] = await on.insertProducts(2);
  await on.settled();
  const { rows } = await on.owner.query<{ sku: string }>('select sku from catalog.products where id = $1', [
    one,
  ]);
  const key = `sku:${rows[0]?.sku ?? ''}`;
  await on.reader.fill(key);
  await on.owner.query(
    `update catalog.products p set sku = q.sku from catalog.products q
     where (p.id, q.id) in (($1, $2), ($2, $1))`,
    [one, two],
  );
  await on.settled();
  expect(on.reader.heard).toContainEqual([key, UNCONDITIONAL_VERSION]);
  await eventually(async () => {
    const redis = new Redis(on.cacheRedis.url);
    const raw = await redis.get(key);
    redis.disconnect();
    return raw?.includes(two) === true;
  });
});

test('a forged notification, which any role can send, changes nothing in the cache', async () => {
  const on = await stores();
  await worker(on);
  const { id, key, version } = await cachedProduct(on);
  const heard = on.reader.heard.length;
  const stranger = createPool({ url: on.database.urlFor('catalog_read'), applicationName: 'stranger' });
  for (const payload of [
    '',
    key,
    `product:*`,
    JSON.stringify({ entity: 'product', key, version: UNCONDITIONAL_VERSION }),
    JSON.stringify({ seq: 1, entity: 'product', key: id, version: UNCONDITIONAL_VERSION }),
  ]) {
    await stranger.query(`select pg_notify('catalog_outbox', $1)`, [payload]);
  }
  await stranger.end();
  // A later ring on the same channel has been heard, so the forged ones have been heard too.
  const other = await cachedProduct(on);
  await rename(on, other.id, 'Torch');
  await eventually(() => on.reader.heard.some(([changed]) => changed === other.key));
  expect(await on.reader.state(key)).toEqual({ state: 'value', version });
  expect(on.reader.heard.slice(heard).filter(([changed]) => changed === key)).toEqual([]);
});

test('while Postgres is away, each part logs when it begins to fail and when it works again, and counts the rest', async () => {
  const on = await stores();
  const url = new URL(on.database.urlFor('invalidation_worker'));
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const { log, metric, url: base } = await worker(on, { databaseUrl: url.href });
  const lines = (message: string) =>
    log()
      .split('\n')
      .filter((line) => line.includes(message))
      .map((line) => (JSON.parse(line) as { part: string }).part);
  const failures = () => metric('worker_failures_total{part="heartbeat"');
  proxy.refuse();
  proxy.cut();
  await eventually(async () => (await failures()) > 12, { timeout_ms: 20_000 });
  const failing = lines('a part fails, and tries again');
  expect(failing).toEqual(expect.arrayContaining(['heartbeat', 'relay', 'doorbell']));
  // One line for each kind of failure: cut connections, and refused connections.
  for (const part of new Set(failing)) expect(failing.filter((each) => each === part).length).toBeLessThan(4);
  expect(lines('the part works again')).toEqual([]);
  proxy.passThrough();
  await eventually(async () => (await fetch(`${base}/readyz`)).status === 200, { timeout_ms: 20_000 });
  await eventually(() => new Set(lines('the part works again')).isSupersetOf(new Set(failing)), {
    timeout_ms: 40_000,
  });
  expect(lines('the part works again').filter((part) => part === 'heartbeat')).toHaveLength(1);
}, 90_000);
