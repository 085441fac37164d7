import { loadSql, withTransaction } from '@catalog/database';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { RegisteredIncarnation } from './registered-incarnation.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, insertChanges } = feed;
afterAll(() => feed[Symbol.asyncDispose]());
const register = loadSql(import.meta.url, './register.sql');

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation');
  await registered.register('first');
});

test('an acknowledgement for an incarnation that is not registered is refused', async () => {
  await insertChanges(2);
  const changes = applied(await outbox.claim(100));
  await registered.register('second');
  expect((await outbox.acknowledge(changes, 'first')).accepted).toBe(false);
  expect(await feed.unapplied()).toBe(2);
  expect((await outbox.acknowledge(changes, 'second')).accepted).toBe(true);
  expect(await feed.unapplied()).toBe(0);
});

test('an acknowledgement that meets a registration in progress is refused', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  const refused = await withTransaction(pool, async (client) => {
    await client.query(register, ['second', ['second'], 0, 0, ['second']]);
    const acknowledging = outbox.acknowledge(changes, 'first');
    await waitingForLock();
    return { acknowledging };
  });
  expect((await refused.acknowledging).accepted).toBe(false);
  expect(await feed.unapplied()).toBe(1);
});

test('changes restored from a server with higher transaction numbers are claimed after a registration', async () => {
  await insertChanges(3);
  await owner.query(`update catalog.outbox set transaction_id = '99999999999'`);
  expect(await outbox.claim(100)).toEqual([]);
  await registered.register('second');
  expect(await outbox.claim(100)).toHaveLength(3);
});

test('a registration takes over all restored changes, however many there are, and none that is applied', async () => {
  await insertChanges(20_002);
  await owner.query(`update catalog.outbox set transaction_id = '99999999999',
    applied_at = case when key = 'p1' then now() end`);
  await registered.register('second');
  const { rows } = await owner.query<{ key: string }>(
    `select key from catalog.outbox where transaction_id = '99999999999'`,
  );
  expect(rows).toEqual([{ key: 'p1' }]);
});

test('workers that register the same incarnation at once all find it registered, since the same moment', async () => {
  const since = async () => {
    const registeredAt = 'select registered_at::text as at from catalog.cache_incarnation';
    return (await owner.query<{ at: string }>(registeredAt)).rows[0]?.at;
  };
  const first = await since();
  expect(await Promise.all([1, 2, 3].map(() => registered.register('second')))).toEqual([true, true, true]);
  const second = await since();
  expect(second).not.toBe(first);
  expect(await registered.register('second')).toBe(true);
  expect(await since()).toBe(second);
});

test('a change that was applied to a former incarnation of its shard is not acknowledged', async () => {
  await insertChanges(2);
  const [former, right] = applied(await outbox.claim(100));
  if (former === undefined || right === undefined) throw new Error('the changes were not claimed');
  await registered.register('map 2', ['a1', 'b2']);
  const answer = await outbox.acknowledge(
    [
      { ...former, appliedTo: 'b1' },
      { ...right, appliedTo: 'a1' },
    ],
    'map 2',
  );
  expect(answer).toMatchObject({ accepted: false, acknowledged: 1 });
  expect(await feed.unapplied()).toBe(1);
});

test('a worker may acknowledge with an older map of slots than the registered one, and not with a newer one', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100)).map((change) => ({ ...change, appliedTo: 'a1' }));
  await registered.register('map 2', ['a1', 'b1'], 2);
  const newer = await outbox.acknowledge(changes, 'map 3', { mapAge: 3 });
  expect(newer).toMatchObject({ accepted: false, acknowledged: 0 });
  const older = await outbox.acknowledge(changes, 'map 1', { mapAge: 1 });
  expect(older).toMatchObject({ accepted: true, acknowledged: 1 });
  expect(await feed.unapplied()).toBe(0);
});

test('a worker that does not know another shard is back may acknowledge with the registered map of slots', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100)).map((change) => ({ ...change, appliedTo: 'a1' }));
  await registered.register('map 2, with b2', ['a1', 'b2'], 2);
  const answer = await outbox.acknowledge(changes, 'map 2, with b1', { mapAge: 2 });
  expect(answer).toMatchObject({ accepted: true, acknowledged: 1 });
});

test('a change is not acknowledged if the pages of its list were ended on a former incarnation of their shard', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100)).map((change) => ({ ...change, appliedTo: 'a1' }));
  await registered.register('map 2', ['a1', 'b2'], 2);
  const former = await outbox.acknowledge(changes, 'map 2', { mapAge: 2, listsEndedIn: ['b1'] });
  expect(former).toMatchObject({ accepted: false, acknowledged: 0 });
  const right = await outbox.acknowledge(changes, 'map 2', { mapAge: 2, listsEndedIn: ['b2'] });
  expect(right).toMatchObject({ accepted: true, acknowledged: 1 });
});

test('only a shard that was away for long is forgotten', async () => {
  await registered.register('map 1', ['a1', 'b1']);
  await registered.register('map 2', ['a1', 'b2']);
  const age = () =>
    owner.query(`update catalog.former_incarnations set ended_at = ended_at - interval '10 minutes'`);
  await age();
  expect(await registered.isForgotten(['a1', 'b2'])).toBe(false);
  expect(await registered.isForgotten(['a1', 'b1'])).toBe(true);
  await registered.register('map 3', ['a1', 'b1']);
  expect(await registered.isForgotten(['a1', 'b1'])).toBe(false);
  await age();
  expect(await registered.isForgotten(['b2'])).toBe(true);
});

test('a shard is forgotten well before the outbox deletes changes that it missed', async () => {
  await registered.register('map 1', ['a1', 'b1']);
  await registered.register('map 2', ['a1', 'b2']);
  const wasAway = async (minutes: number) => {
    await owner.query('update catalog.former_incarnations set ended_at = now() - make_interval(mins => $1)', [
      minutes,
    ]);
    return registered.isForgotten(['a1', 'b1']);
  };
  expect([await wasAway(2), await wasAway(3)]).toEqual([false, true]);
});

test('a worker notes that it runs, but not all the time, and only while its incarnation is registered', async () => {
  const isNoted = async (incarnation: string, seen_s: number) => {
    await owner.query('update catalog.cache_incarnation set seen_at = now() - make_interval(secs => $1)', [
      seen_s,
    ]);
    await registered.noteSeen(incarnation);
    const recently = `select from catalog.cache_incarnation where seen_at > now() - interval '1 s'`;
    return (await owner.query(recently)).rowCount === 1;
  };
  expect(await isNoted('first', 10)).toBe(true);
  expect(await isNoted('first', 3)).toBe(false);
  expect(await isNoted('second', 10)).toBe(false);
});

test('a worker with an older map of slots registers nothing, unless all workers with a newer one are gone', async () => {
  expect(await registered.register('map 2', ['a1', 'b1'], 200)).toBe(true);
  expect(await registered.register('map 1', ['a1', 'b1'], 100)).toBe(false);
  expect((await outbox.look('map 2')).registered).toBe(true);
  expect(await registered.register('map 2', ['a1', 'b1'], 200)).toBe(true);
  expect(await registered.register('map 3', ['a1', 'b1'], 201)).toBe(true);
  await owner.query(`update catalog.cache_incarnation set seen_at = seen_at - interval '1 minute'`);
  expect(await registered.register('map 1', ['a1', 'b1'], 100)).toBe(true);
  expect(await registered.mayReplace('map 4')).toBe(false);
});

test('a worker that registers again is refused if it waits for another one to register a newer map', async () => {
  await registered.register('map 1', ['a1', 'b1'], 1);
  const { again } = await withTransaction(pool, async (client) => {
    await new RegisteredIncarnation(client).register('map 2', ['a1', 'b1'], 2);
    const waiting = registered.register('map 1', ['a1', 'b1'], 1);
    await waitingForLock();
    return { again: waiting };
  });
  expect(await again).toBe(false);
  expect((await outbox.look('map 2')).registered).toBe(true);
});

test('an incarnation may replace its own registration, and one whose workers are gone', async () => {
  expect(await registered.mayReplace('second')).toBe(false);
  expect(await registered.mayReplace('second', 'first')).toBe(true);
  await owner.query(`update catalog.cache_incarnation set seen_at = seen_at - interval '1 minute'`);
  expect(await registered.mayReplace('second')).toBe(true);
});

async function waitingForLock(): Promise<void> {
  for (;;) {
    const { rows } = await owner.query(`select from pg_stat_activity where wait_event_type = 'Lock'
      and datname = current_database()`);
    if (rows.length > 0) return;
  }
}
