import { changeSchema } from '@catalog/contracts';
import { loadSql, withTransaction } from '@catalog/database';
import { startPostgres } from '@catalog/testing';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { Outbox } from './outbox.ts';

const feed = await feedDatabase();
const { owner, pool, outbox } = feed;
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.refreshed_changes, catalog.cache_incarnation');
  await outbox.register('first');
});

const seqsOf = (changes: readonly { seq: number }[]) => changes.map(({ seq }) => seq);

async function insertChanges(count: number): Promise<void> {
  await owner.query(
    `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, $1) n`,
    [count],
  );
}

test('a change that drew its number first and commits last is claimed all the same', async () => {
  const [slow, fast] = await feed.insertProducts(2);
  await owner.query('delete from catalog.outbox');
  const late = await owner.connect();
  await late.query('begin');
  await late.query(`update catalog.products set name = 'late' where id = $1`, [slow]);
  await owner.query(`update catalog.products set name = 'early' where id = $1`, [fast]);

  const first = await outbox.claim(100);
  expect(first.map(({ key }) => key)).toEqual([fast]);
  await outbox.acknowledge(applied(first), 'first');
  await late.query('commit');
  late.release();

  const second = await outbox.claim(100);
  expect(second.map(({ key }) => key)).toEqual([slow]);
  expect(second[0]?.seq).toBeLessThan(first[0]?.seq ?? 0);
});

test('relays that claim at once share the changes: none is claimed twice, none is left out', async () => {
  await insertChanges(2_000);
  const claimed: number[] = [];
  const relay = async () => {
    for (let idle = 0; idle < 3;) {
      const changes = await outbox.claim(90);
      idle = changes.length === 0 ? idle + 1 : 0;
      claimed.push(...seqsOf(changes));
    }
  };
  await Promise.all([relay(), relay(), relay(), relay()]);
  expect(claimed).toHaveLength(2_000);
  expect(new Set(claimed).size).toBe(2_000);
});

test('a relay does not wait for what another is just claiming', async () => {
  await insertChanges(10);
  await withTransaction(pool, async (client) => {
    expect(await new Outbox(client).claim(4)).toHaveLength(4);
    expect(await outbox.claim(100)).toHaveLength(6);
  });
});

test('of a backlog the newest are claimed along with the oldest, each once', async () => {
  await insertChanges(100);
  const keys = async (limit: number, newest: number) =>
    (await outbox.claim(limit, { newest })).map(({ key }) => key);
  expect(await keys(2, 1)).toEqual(['p1', 'p2', 'p100']);
  expect(await keys(1, 2)).toEqual(['p3', 'p98', 'p99']);
  expect(await keys(94, 50)).toHaveLength(94);
  expect(await keys(1, 1)).toEqual([]);
});

test('what was claimed and never acknowledged is claimed again after a while, not before', async () => {
  await insertChanges(3);
  expect(await outbox.claim(100)).toHaveLength(3);
  expect(await outbox.claim(100)).toEqual([]);
  await owner.query(`update catalog.outbox set dispatched_at = dispatched_at - interval '3.1 s'`);
  const again = await outbox.claim(100);
  expect(again.map(({ dispatches }) => dispatches)).toEqual([2, 2, 2]);
});

test('what is given back is claimed again at once', async () => {
  await insertChanges(2);
  const changes = await outbox.claim(100);
  await outbox.release(changes);
  expect(await outbox.claim(100)).toHaveLength(2);
});

test('acknowledging twice, or what is gone, changes nothing', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  await outbox.acknowledge(changes, 'first');
  const state = async () => (await owner.query('select * from catalog.outbox')).rows as unknown[];
  const before = await state();
  expect(await outbox.acknowledge(changes, 'first')).toEqual({ accepted: true, traces: [] });
  expect(
    await outbox.acknowledge(applied([{ seq: 999_999_999, transaction: 999_999_999 }]), 'first'),
  ).toEqual({ accepted: true, traces: [] });
  expect(await state()).toEqual(before);
});

test('an acknowledgement for another incarnation than the registered one is refused', async () => {
  await insertChanges(2);
  const changes = applied(await outbox.claim(100));
  await outbox.register('second');
  expect((await outbox.acknowledge(changes, 'first')).accepted).toBe(false);
  expect(await feed.unapplied()).toBe(2);
  expect((await outbox.acknowledge(changes, 'second')).accepted).toBe(true);
  expect(await feed.unapplied()).toBe(0);
});

test('a registration replays what was applied to the former life, and only within the replay window', async () => {
  await insertChanges(3);
  const [old, recent, waiting] = await outbox.claim(100);
  await outbox.acknowledge(applied([old, recent].filter((each) => each !== undefined)), 'first');
  await owner.query(
    `update catalog.outbox set applied_at = applied_at - interval '301 s' where seq = ${old?.seq}`,
  );
  expect(await outbox.register('second')).toBe(1);
  expect(seqsOf(await outbox.claim(100))).toEqual([recent?.seq]);
  expect(await outbox.look('second')).toEqual({
    oldest: recent?.transaction,
    newest: waiting?.transaction,
    registered: true,
  });
});

test('a registration whose process died before the replay is replayed by the next', async () => {
  await insertChanges(1);
  await outbox.acknowledge(applied(await outbox.claim(100)), 'first');
  await owner.query(`update catalog.cache_incarnation set incarnation = 'second'`);
  expect(await outbox.register('second')).toBe(1);
  expect(await outbox.register('second')).toBe(0);
});

test('a registration waits for an acknowledgement under way, and replays what that acknowledged', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  const replayed = await withTransaction(pool, async (client) => {
    expect((await new Outbox(client).acknowledge(changes, 'first')).accepted).toBe(true);
    const registering = outbox.register('second');
    await waitingForLock();
    return { registering };
  });
  expect(await replayed.registering).toBe(1);
});

test('an acknowledgement that meets a registration under way is refused', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  const refused = await withTransaction(pool, async (client) => {
    await new Outbox(client).register('second');
    const acknowledging = outbox.acknowledge(changes, 'first');
    await waitingForLock();
    return { acknowledging };
  });
  expect((await refused.acknowledging).accepted).toBe(false);
  expect(await feed.unapplied()).toBe(1);
});

test('a look at another incarnation than the registered one says so', async () => {
  expect((await outbox.look('first')).registered).toBe(true);
  expect((await outbox.look('second')).registered).toBe(false);
});

test('what gets in by hand can be carried: it fits, or the claim makes it fit', async () => {
  const insert = (entity: string, key: string, version: string) =>
    owner.query('insert into catalog.outbox (entity, key, version) values ($1, $2, $3)', [
      entity,
      key,
      version,
    ]);
  await expect(insert('e'.repeat(64), 'k', '1')).rejects.toThrow('character varying(63)');
  await expect(insert('product', 'k'.repeat(513), '1')).rejects.toThrow('character varying(512)');
  for (const version of ['-1', '0', '9007199254740991', '9007199254740992']) await insert('', '', version);
  const claimed = await outbox.claim(100);
  expect(claimed.map(({ version }) => version)).toEqual([0, 0, 9007199254740991, 9007199254740991]);
  for (const { dispatches: _dispatches, ...change } of claimed)
    expect(changeSchema.parse(change)).toEqual(change);
  await outbox.acknowledge(applied(claimed), 'first');
  expect(await feed.unapplied()).toBe(0);
});

test('a trace has a time for each step, and the commit where Postgres keeps it', async () => {
  await using server = await startPostgres({ config: { track_commit_timestamp: 'on' } });
  await using tracked = await feedDatabase({ serverUrl: server.url });
  await tracked.outbox.register('first');
  const [id = ''] = await tracked.insertProducts(1);
  const claimed = await tracked.outbox.claim(100, { rung_ms: 5 });
  const inserted = claimed.filter(({ key }) => key === id);
  const seq = inserted[0]?.seq ?? 0;
  const { traces } = await tracked.outbox.acknowledge(applied(inserted), 'first', 10);
  await tracked.outbox.noteRefreshed([seq]);

  const [trace] = await tracked.outbox.traces('product', id, 10);
  expect(traces).toEqual([{ ...trace, refreshedAt: null }]);
  const { rows } = await tracked.owner.query<{ steps: string[] }>(
    `select array(select step from (values
       ('changed', changed_at), ('committed', committed_at), ('claimed', dispatched_at), ('applied', applied_at)
     ) as steps (step, at) where at is not null order by at) as steps from catalog.outbox where seq = $1`,
    [seq],
  );
  expect(rows[0]?.steps).toEqual(['changed', 'committed', 'claimed', 'applied']);
  for (const at of [trace?.rungAt, trace?.queuedAt, trace?.refreshedAt]) expect(at).toBeTypeOf('string');
});

test('without track_commit_timestamp a trace lacks the commit, and nothing else', async () => {
  await insertChanges(1);
  const changes = await outbox.claim(100, { rung_ms: 5 });
  await outbox.acknowledge(applied(changes), 'first');
  const [trace] = await outbox.traces('product', 'p1', 10);
  expect(trace?.committedAt).toBeNull();
  expect(trace?.claimedAt).not.toBeNull();
});

test.each(['claim', 'acknowledge', 'release', 'look', 'retire', 'replay', 'adopt'])(
  'no plan of %s reads the table from end to end for each row, however it was filled when the plan was made',
  async (name) => {
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
      `explain (generic_plan) ${loadSql(import.meta.url, `./${name}.sql`)}`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']);
    // Old rows are looked for without an index, once; that must not be repeated for each of them.
    const scans = plan.filter((line) => line.includes('Seq Scan on outbox'));
    expect(scans).toHaveLength(name === 'retire' || name === 'replay' ? 1 : 0);
    expect(plan.join('\n')).not.toMatch(/Filter: .*= ANY/);
  },
);

/** Pages that a statement touches, as Postgres counts them. */
async function pagesOf(name: string, values: readonly unknown[]): Promise<number> {
  const { rows } = await pool.query<{ 'QUERY PLAN': [{ Plan: Record<string, number> }] }>(
    `explain (analyze, buffers, format json) ${loadSql(import.meta.url, `./${name}.sql`)}`,
    [...values],
  );
  const plan = rows[0]?.['QUERY PLAN'][0].Plan;
  return (plan?.['Shared Hit Blocks'] ?? 0) + (plan?.['Shared Read Blocks'] ?? 0);
}

test('a transaction that has not ended is in the way of nobody, however much it has written', async () => {
  const looks = [
    ['claim', [100, 3_000, null, 100]],
    ['look', ['first']],
  ] as const;
  const pages = () => Promise.all(looks.map(([name, values]) => pagesOf(name, values)));
  const [first, mass, last] = await Promise.all([owner.connect(), owner.connect(), owner.connect()]);
  try {
    for (const writer of [first, mass, last]) await writer.query('begin');
    await first.query(`insert into catalog.outbox (entity, key, version) values ('product', 'first', 1)`);
    await mass.query(
      `insert into catalog.outbox (entity, key, version) select 'product', 'm' || n, n from generate_series(1, 50000) n`,
    );
    await last.query(`insert into catalog.outbox (entity, key, version) values ('product', 'last', 1)`);
    const beside = await pages();
    for (const count of beside) expect(count).toBeLessThan(100);

    await last.query('commit');
    expect((await outbox.claim(100)).map(({ key }) => key)).toEqual(['last']);
    await first.query('commit');
    expect((await outbox.claim(1, { newest: 1 })).map(({ key }) => key)).toEqual(['first']);
    await mass.query('commit');
    expect((await outbox.claim(2, { newest: 1 })).map(({ key }) => key)).toEqual(['m1', 'm2', 'm50000']);
  } finally {
    for (const writer of [first, mass, last]) writer.release(true);
  }
});

test('what was restored from a server whose transactions have higher numbers is claimed after a registration', async () => {
  await insertChanges(3);
  await owner.query(`update catalog.outbox set transaction_id = '99999999999'`);
  expect(await outbox.claim(100)).toEqual([]);
  await outbox.register('second');
  expect(await outbox.claim(100)).toHaveLength(3);
});

test('a replay of more than one part replays all', async () => {
  await insertChanges(20_100);
  for (let claimed = 0; claimed < 20_100;) {
    const changes = await outbox.claim(5_000);
    claimed += changes.length;
    await outbox.acknowledge(applied(changes), 'first');
  }
  expect(await outbox.register('second')).toBe(20_100);
  expect(await feed.unapplied()).toBe(20_100);
});

async function waitingForLock(): Promise<void> {
  for (;;) {
    const { rows } = await owner.query(`select from pg_stat_activity where wait_event_type = 'Lock'
      and datname = current_database()`);
    if (rows.length > 0) return;
  }
}
