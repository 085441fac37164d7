/** What a worker does with changes of either source. */
import { feedLimits } from '@catalog/change-feed';
import { UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { eventually } from '@catalog/testing';
import { Redis } from 'ioredis';
import { describe, expect, test } from 'vitest';
import { startWorker, type Stores, type WorkerOptions } from './testing/running-worker.ts';
import { cachedProduct, queueOf, rename, stores, worker as startedWorker } from './testing/worker-scenes.ts';

describe.each(['outbox', 'slot'] as const)('from the %s', (changeSource) => {
  const worker = (on: Stores, options: WorkerOptions = {}) => startedWorker(on, { changeSource, ...options });

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
    await eventually(async () => (await on.unapplied()) > 0);
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

  test('two workers share the changes, and one goes on when the other stops', async () => {
    const on = await stores();
    const one = await startWorker(on, { changeSource });
    await one.ready();
    await worker(on);
    const ids = await on.insertProducts(300);
    await on.owner.query(`update catalog.products set name = 'Torch' where id = any ($1)`, [ids]);
    await on.settled();
    await one[Symbol.asyncDispose]();
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
    const isApplied = await on.milestone();
    const queue = queueOf(on);
    let most = 0;
    await eventually(
      async () => {
        most = Math.max(most, await queue.getWaitingCount());
        return isApplied();
      },
      { timeout_ms: 60_000, interval_ms: 20 },
    );
    await queue.close();
    // Relay and lander dispatch, each after a look at the queue.
    const dispatchers = changeSource === 'slot' ? 2 : 1;
    expect(most).toBeLessThanOrEqual(
      feedLimits.waitingJobs + (dispatchers * feedLimits.claimChanges) / feedLimits.jobChanges,
    );
  }, 90_000);

  test('when a SKU moves to another product, its index entry is invalidated', async () => {
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
});
