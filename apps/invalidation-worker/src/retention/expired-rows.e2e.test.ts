import { Lock } from '@catalog/redis';
import { createPool, type Deleted, type Pool } from '@catalog/database';
import { type ManualClock, manualClock } from '@catalog/testing';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';
import { ExpiredRows } from './expired-rows.ts';

const hour_ms = 3_600_000;

let stores: Stores;
let pool: Pool;
let redis: Redis;
let clock: ManualClock;
let told: (Deleted | 'failed')[];
let onDeleted: () => void;
let rows: ExpiredRows;

beforeAll(async () => {
  stores = await startStores();
  pool = createPool({ url: stores.database.urlFor('invalidation_worker'), applicationName: 'test' });
  redis = new Redis(stores.stateRedis.url);
});
afterAll(async () => {
  redis.disconnect();
  await pool.end();
  await stores[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await redis.flushall();
  clock = manualClock();
  told = [];
  onDeleted = () => {};
  rows = new ExpiredRows({
    redis,
    pool,
    ages: { history_s: 3_600, tombstones_s: 0, idempotencyKeys_s: 0, imports_s: 0 },
    clock,
    onDeleted: (deleted) => {
      told.push(deleted);
      onDeleted();
    },
    onError: () => told.push('failed'),
  });
});
afterEach(() => rows.stop());

/** The timer for the next turn is set when a turn has ended. */
async function turnEnded(): Promise<void> {
  await expect.poll(() => clock.pending).toBe(1);
}
async function nextTurn(): Promise<void> {
  await turnEnded();
  await clock.advance(hour_ms);
  await turnEnded();
}
async function insertOld(count: number): Promise<void> {
  await stores.owner.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
     select gen_random_uuid(), i, 'create', 'test', clock_timestamp() - interval '2 hours' from generate_series(1, $1) i`,
    [count],
  );
}

test('rows beyond their age go once an hour, all of them, and a failure is tried again', async () => {
  await insertOld(5_001);
  await stores.owner.query(
    "insert into catalog.product_history (product_id, version, operation, changed_by, changed_at) values (gen_random_uuid(), 1, 'create', 'test', clock_timestamp())",
  );
  rows.start();
  await turnEnded();
  expect(told).toMatchObject([{ history: 5_000 }, { history: 1 }]);
  await insertOld(3);
  await stores.owner.query('revoke execute on function catalog.delete_expired from invalidation_worker');
  await nextTurn();
  expect(told[2]).toBe('failed');
  await stores.owner.query('grant execute on function catalog.delete_expired to invalidation_worker');
  await nextTurn();
  expect(told[3]).toMatchObject({ history: 3 });
  const left = await stores.owner.query('select count(*) as left from catalog.product_history');
  expect(left.rows).toEqual([{ left: 1 }]);
});

test('while another worker is at it, it leaves it alone until the next hour', async () => {
  await insertOld(3);
  const other = await new Lock({ redis, name: 'expired-rows', ttl_ms: 60_000 }).acquire();
  rows.start();
  await turnEnded();
  expect(told).toEqual([]);
  await other?.[Symbol.asyncDispose]();
  await nextTurn();
  expect(told).toMatchObject([{ history: 3 }]);
  expect(await redis.exists('lock:{expired-rows}')).toBe(0);
});

test('a worker whose lock has ended leaves the rest to the next one', async () => {
  await insertOld(5_001);
  // On the same connection: before the worker asks for more time.
  onDeleted = () => void redis.flushall();
  rows.start();
  await turnEnded();
  expect(told).toMatchObject([{ history: 5_000 }]);
});
