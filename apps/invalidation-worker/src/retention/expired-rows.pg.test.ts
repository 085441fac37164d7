import { createPool, type Deleted } from '@catalog/database';
import { createTestDatabase, manualClock } from '@catalog/testing';
import { expect, test } from 'vitest';
import { ExpiredRows } from './expired-rows.ts';

test('rows beyond their age go once an hour, all of them, and a failure is tried again', async () => {
  await using database = await createTestDatabase({ migrated: true });
  const owner = createPool({ url: database.url, applicationName: 'test' });
  const pool = createPool({ url: database.urlFor('invalidation_worker'), applicationName: 'test' });
  const clock = manualClock();
  const told: (Deleted | 'failed')[] = [];
  const next = async (calls: number) => {
    while (told.length < calls) await new Promise((resolve) => setImmediate(resolve));
    return told;
  };
  const rows = new ExpiredRows({
    pool,
    ages: { history_s: 3_600, tombstones_s: 0, idempotencyKeys_s: 0, imports_s: 0 },
    clock,
    onDeleted: (deleted) => told.push(deleted),
    onError: () => told.push('failed'),
  });
  const insertOld = (count: number) =>
    owner.query(
      `insert into catalog.product_history (product_id, version, operation, changed_by, changed_at)
       select gen_random_uuid(), i, 'create', 'test', clock_timestamp() - interval '2 hours' from generate_series(1, $1) i`,
      [count],
    );
  try {
    await insertOld(5_001);
    await owner.query(
      "insert into catalog.product_history (product_id, version, operation, changed_by, changed_at) values (gen_random_uuid(), 1, 'create', 'test', clock_timestamp())",
    );
    rows.start();
    expect(await next(2)).toMatchObject([{ history: 5_000 }, { history: 1 }]);
    await insertOld(3);
    await owner.query('revoke execute on function catalog.delete_expired from invalidation_worker');
    // The timer is set once the second call has been told.
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(3_600_000);
    expect((await next(3))[2]).toBe('failed');
    await owner.query('grant execute on function catalog.delete_expired to invalidation_worker');
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(3_600_000);
    expect((await next(4))[3]).toMatchObject({ history: 3 });
    const left = await owner.query<{ left: number }>('select count(*) as left from catalog.product_history');
    expect(left.rows).toEqual([{ left: 1 }]);
  } finally {
    await rows.stop();
    await Promise.all([owner.end(), pool.end()]);
  }
});
