import { createPool, type Pool } from '@catalog/database';
import { startPart } from '@catalog/runtime';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';
import { HistoryPartitions } from './history-partitions.ts';

const day_s = 86_400;
let stores: Stores;
let pool: Pool;
let dropped: number;
let onDropped: () => void;
let partitions: HistoryPartitions;

beforeAll(async () => {
  stores = await startStores();
  pool = createPool({ url: stores.database.urlFor('invalidation_worker'), applicationName: 'partitions' });
});
afterAll(async () => {
  await pool.end();
  await stores[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await stores.owner.query('truncate catalog.product_history');
  dropped = 0;
  onDropped = () => {};
  partitions = new HistoryPartitions({
    pool,
    age_s: day_s,
    onDropped: () => {
      dropped += 1;
      onDropped();
    },
    reportFailure: () => () => undefined,
  });
});

const insertOld = (days: number) =>
  stores.owner.query(
    `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
     values (gen_random_uuid(), 1, 'create', 'test', clock_timestamp() - make_interval(days => $1))`,
    [days],
  );
async function left(): Promise<number> {
  const { rows } = await stores.owner.query<{ left: number }>(
    'select count(*)::int as left from catalog.product_history',
  );
  return rows[0]?.left ?? -1;
}

test('a turn moves all rows out of the default partition and drops every expired day', async () => {
  for (const days of [0, 1, 3, 4, 5]) await insertOld(days);
  await partitions.makeAndDrop(new AbortController().signal);
  expect([dropped, await left()]).toEqual([3, 2]);
});

test('a turn begins as soon as it starts', async () => {
  await insertOld(3);
  const done = Promise.withResolvers<void>();
  onDropped = () => done.resolve();
  await using _running = startPart(partitions);
  await done.promise;
  expect(await left()).toBe(0);
});

test('a turn that meets a dump tries again, and drops the day when the dump is over', async () => {
  await insertOld(3);
  const dump = await stores.owner.connect();
  await dump.query('begin; lock table catalog.product_history in access share mode');
  const turn = partitions.makeAndDrop(new AbortController().signal);
  for (let isWaiting = false; !isWaiting;) {
    const { rowCount } = await stores.owner.query(
      `select from pg_stat_activity where application_name = 'partitions' and wait_event_type = 'Lock'`,
    );
    isWaiting = rowCount !== 0;
  }
  await stores.owner.query(
    `insert into catalog.products (sku, name, brand, category, price_minor, currency) values ('A', 'a', 'a', 'a', 1, 'EUR')`,
  );
  await dump.query('rollback');
  dump.release();
  await turn;
  expect(dropped).toBe(1);
});
