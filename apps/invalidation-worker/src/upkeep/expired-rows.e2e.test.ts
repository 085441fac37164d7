import { Lock } from '@catalog/redis';
import { createPool, type Deleted, type Pool } from '@catalog/database';
import { startPart } from '@catalog/runtime';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { startStores, type Stores } from '../testing/running-worker.ts';
import { ExpiredRows } from './expired-rows.ts';

let stores: Stores;
let pool: Pool;
let redis: Redis;
let deletions: Deleted[];
let onDeleted: () => void;
const day_s = 86_400;
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
  await stores.owner.query('truncate catalog.imports');
  deletions = [];
  onDeleted = () => {};
  rows = new ExpiredRows({
    redis,
    pool,
    ages: { tombstones_s: day_s, idempotencyKeys_s: day_s, imports_s: day_s, actions_s: day_s },
    onDeleted: (deleted) => {
      deletions.push(deleted);
      onDeleted();
    },
    reportFailure: () => () => undefined,
  });
});

const turn = () => rows.deleteAll(new AbortController().signal);
async function insertOld(count: number): Promise<void> {
  await stores.owner.query(
    `insert into catalog.imports (id, subject, mode, dry_run, state, created_at)
     select gen_random_uuid(), 'test', 'reject-all', false, 'succeeded', clock_timestamp() - interval '25 hours'
     from generate_series(1, $1)`,
    [count],
  );
}

test('all rows beyond their age are deleted in batches, and a failed turn is repeated by the next one', async () => {
  await insertOld(5_001);
  await stores.owner.query(
    "insert into catalog.imports (id, subject, mode, dry_run, state) values (gen_random_uuid(), 'test', 'reject-all', false, 'succeeded')",
  );
  await turn();
  expect(deletions).toMatchObject([{ imports: 5_000 }, { imports: 1 }]);
  await insertOld(3);
  await stores.owner.query('revoke execute on function catalog.delete_expired from invalidation_worker');
  await expect(turn()).rejects.toThrow('permission denied');
  await stores.owner.query('grant execute on function catalog.delete_expired to invalidation_worker');
  await turn();
  expect(deletions[2]).toMatchObject({ imports: 3 });
  const left = await stores.owner.query('select count(*) as left from catalog.imports');
  expect(left.rows).toEqual([{ left: 1 }]);
});

test('while another worker deletes, it deletes nothing', async () => {
  await insertOld(3);
  const other = await new Lock({ redis, name: 'expired-rows', ttl_ms: 60_000 }).acquire();
  await turn();
  expect(deletions).toEqual([]);
  await other?.[Symbol.asyncDispose]();
  await turn();
  expect(deletions).toMatchObject([{ imports: 3 }]);
  expect(await redis.exists('lock:{expired-rows}')).toBe(0);
});

test('a worker whose lock has expired leaves the rest to the next one', async () => {
  await insertOld(5_001);
  // On the same connection: it comes before the worker extends its lock.
  onDeleted = () => void redis.flushall();
  await turn();
  expect(deletions).toMatchObject([{ imports: 5_000 }]);
});

test('it deletes as soon as it starts', async () => {
  await insertOld(1);
  const deleted = Promise.withResolvers<void>();
  onDeleted = () => deleted.resolve();
  await using _running = startPart(rows);
  await deleted.promise;
  expect(deletions).toMatchObject([{ imports: 1 }]);
});
