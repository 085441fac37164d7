import { changeSchema } from '@catalog/contracts';
import { withTransaction } from '@catalog/database';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { Outbox } from './outbox.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, insertChanges } = feed;
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.refreshed_changes, catalog.cache_incarnation');
  await registered.register('first');
});

const seqsOf = (changes: readonly { seq: number }[]) => changes.map(({ seq }) => seq);

test('a change that draws its number first and commits last is still claimed', async () => {
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

test('relays that claim at the same time share the changes: none is claimed twice, and none is left out', async () => {
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

test('a relay does not wait for changes that another relay is claiming', async () => {
  await insertChanges(10);
  await withTransaction(pool, async (client) => {
    expect(await new Outbox(client).claim(4)).toHaveLength(4);
    expect(await outbox.claim(100)).toHaveLength(6);
  });
});

test('the newest changes of a backlog are claimed together with the oldest, each once', async () => {
  await insertChanges(100);
  const keys = async (limit: number, newest: number) =>
    (await outbox.claim(limit, { newest })).map(({ key }) => key);
  expect(await keys(2, 1)).toEqual(['p1', 'p2', 'p100']);
  expect(await keys(1, 2)).toEqual(['p3', 'p98', 'p99']);
  expect(await keys(94, 50)).toHaveLength(94);
  expect(await keys(1, 1)).toEqual([]);
});

test('a claimed change that is never acknowledged is claimed again after 3 s, not before', async () => {
  await insertChanges(3);
  expect(await outbox.claim(100)).toHaveLength(3);
  expect(await outbox.claim(100)).toEqual([]);
  await owner.query(`update catalog.outbox set dispatched_at = dispatched_at - interval '3.1 s'`);
  const again = await outbox.claim(100);
  expect(again.map(({ dispatches }) => dispatches)).toEqual([2, 2, 2]);
});

test('a released change can be claimed again at once', async () => {
  await insertChanges(2);
  const changes = await outbox.claim(100);
  await outbox.release(changes);
  expect(await outbox.claim(100)).toHaveLength(2);
});

test.each([
  ['entity', { entity: 'sku' }],
  ['key', { key: 'another' }],
  ['version', { version: 999 }],
])(
  'an acknowledgement with another %s than the row has leaves the change unapplied',
  async (_field, edit) => {
    await insertChanges(2);
    const [first, second] = await outbox.claim(100);
    if (first === undefined || second === undefined) throw new Error('two changes were inserted');
    const answer = await outbox.acknowledge(applied([{ ...first, ...edit }, second]), 'first', {
      maxTraces: 10,
    });
    expect(answer.traces.map(({ seq }) => seq)).toEqual([second.seq]);
    expect(await feed.unapplied()).toBe(1);
    // A correct acknowledgement still counts.
    await outbox.acknowledge(applied([first]), 'first');
    expect(await feed.unapplied()).toBe(0);
  },
);

test('acknowledging a change twice, or one that is deleted, changes nothing', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  await outbox.acknowledge(changes, 'first');
  const state = async () => (await owner.query('select * from catalog.outbox')).rows as unknown[];
  const before = await state();
  expect(await outbox.acknowledge(changes, 'first')).toEqual({ accepted: true, acknowledged: 0, traces: [] });
  expect(
    await outbox.acknowledge(
      applied([{ seq: 999_999_999, transaction: 999_999_999, entity: 'product', key: 'p1', version: 1 }]),
      'first',
    ),
  ).toEqual({ accepted: true, acknowledged: 0, traces: [] });
  expect(await state()).toEqual(before);
});

test('a look reports whether the given incarnation is the registered one', async () => {
  expect((await outbox.look('first')).registered).toBe(true);
  expect((await outbox.look('second')).registered).toBe(false);
});

test('rows inserted by hand fit into a job, or the claim makes them fit', async () => {
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
