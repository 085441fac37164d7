import { eventually } from '@catalog/testing';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, retention, traces } = feed;
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.refreshed_changes, catalog.cache_incarnation');
  await registered.register('first');
});

async function applyAll(): Promise<number> {
  for (let count = 0; ;) {
    const changes = await outbox.claim(5_000);
    if (changes.length === 0) return count;
    count += changes.length;
    await outbox.acknowledge(applied(changes), 'first');
  }
}

const grow = (count: number) =>
  owner.query(
    `insert into catalog.outbox (entity, key, version) select 'product', gen_random_uuid()::text, n
     from generate_series(1, $1) n`,
    [count],
  );
const age = (seconds: number) =>
  owner.query(`update catalog.outbox set applied_at = applied_at - make_interval(secs => $1)`, [seconds]);
const rows = async () =>
  (await owner.query<{ count: number }>('select count(*) from catalog.outbox')).rows[0]?.count;

test('applied changes are kept for the replay window, then deleted in bulk', async () => {
  await grow(10);
  await applyAll();
  await age(299);
  expect(await retention.deleteApplied(100)).toBe(0);
  await age(2);
  expect(await retention.deleteApplied(4)).toBe(4);
  expect(await retention.deleteApplied(100)).toBe(6);
  expect(await rows()).toBe(0);
});

test('an unapplied change is kept, however old it is', async () => {
  await grow(1);
  await outbox.claim(10);
  await owner.query(`update catalog.outbox set changed_at = changed_at - interval '1 day',
    dispatched_at = dispatched_at - interval '1 day'`);
  expect(await retention.deleteApplied(100)).toBe(0);
});

test('a change that is applied again during its deletion is kept', async () => {
  await grow(1);
  await applyAll();
  await age(301);
  const replay = await pool.connect();
  await replay.query('begin');
  await replay.query('update catalog.outbox set applied_at = now()');
  const deleting = retention.deleteApplied(100);
  for (;;) {
    const waiting = await owner.query(`select from pg_stat_activity
      where wait_event_type = 'Lock' and datname = current_database()`);
    if (waiting.rows.length > 0) break;
  }
  await replay.query('commit');
  replay.release();
  expect(await deleting).toBe(0);
  expect(await rows()).toBe(1);
});

test('notes of refreshes are deleted after the replay window too', async () => {
  await traces.noteRefreshed([1, 1, 2]);
  expect(await traces.noteRefreshed([2])).toEqual([]);
  await owner.query(
    `update catalog.refreshed_changes set refreshed_at = refreshed_at - interval '301 s' where seq = 1`,
  );
  await retention.deleteRefreshed();
  const left = await owner.query<{ seq: number }>('select seq from catalog.refreshed_changes');
  expect(left.rows).toEqual([{ seq: 2 }]);
});

test('the outbox does not grow over a day of changes', async () => {
  const size = async () => {
    const { rows } = await owner.query<{ heap: number; index: number }>(
      `select pg_relation_size('catalog.outbox') as heap, pg_relation_size('catalog.outbox_unapplied') as index`,
    );
    return rows[0] ?? { heap: 0, index: 0 };
  };
  // A turn is a fifth of the replay window, so its changes are deleted five turns later. Vacuum runs as often as autovacuum would
  // with the table's own thresholds. The test shows that vacuum can reuse all the space.
  const turn = async () => {
    await grow(1_500);
    expect(await applyAll()).toBe(1_500);
    await age(61);
    while ((await retention.deleteApplied(1_000)) === 1_000);
    // Vacuum removes nothing while a snapshot is open, and that of an autoanalyze can outlast many turns.
    await eventually(async () => {
      const { rowCount } = await owner.query(`select from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_xmin is not null`);
      return rowCount === 0;
    });
    await owner.query('vacuum catalog.outbox');
  };
  for (let turns = 0; turns < 7; turns += 1) await turn();
  const settled = await size();
  // One stretch may grow, because a snapshot, for example of an autoanalyze on a busy machine, kept vacuum from removing rows. If
  // space were never reused, each stretch would add more than five times the settled size.
  const grown: { heap: number; index: number }[] = [];
  const isSteady = () =>
    grown.some(({ heap, index }) => heap < settled.heap * 2 && index < settled.index * 2);
  for (let last = settled; grown.length < 5 && !isSteady();) {
    for (let turns = 0; turns < 40; turns += 1) await turn();
    const now = await size();
    grown.push({ heap: now.heap - last.heap, index: now.index - last.index });
    last = now;
  }
  expect(await rows()).toBeLessThanOrEqual(5 * 1_500);
  expect({ steady: isSteady(), settled, grown }).toMatchObject({ steady: true });
}, 120_000);

test('autovacuum is configured to follow the outbox closely', async () => {
  const { rows } = await owner.query<{ reloptions: string[] }>(
    `select reloptions from pg_class where oid = 'catalog.outbox'::regclass`,
  );
  expect(rows[0]?.reloptions).toEqual(
    expect.arrayContaining(['autovacuum_vacuum_scale_factor=0', 'autovacuum_vacuum_threshold=5000']),
  );
});
