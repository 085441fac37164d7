import { createPool } from '@catalog/database';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { eventually, startRedis, tcpProxy } from '@catalog/testing';
import { expect, test } from 'vitest';
import { startWorker } from './testing/running-worker.ts';
import { cachedProduct, queueOf, rename, stores, worker } from './testing/worker-scenes.ts';

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

test('a state Redis that may evict keys is refused', async () => {
  const on = await stores({ stateConfig: { 'maxmemory-policy': 'allkeys-lru', maxmemory: '50mb' } });
  const { ended } = await startWorker(on);
  await expect(ended).rejects.toThrow(/noeviction/);
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
