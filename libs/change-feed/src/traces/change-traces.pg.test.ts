import { startPostgres } from '@catalog/testing';
import { afterAll, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';

const feed = await feedDatabase();
afterAll(() => feed[Symbol.asyncDispose]());

test('a trace has a time for each step, with the commit time when Postgres tracks it', async () => {
  await using server = await startPostgres({ config: { track_commit_timestamp: 'on' } });
  await using tracked = await feedDatabase({ serverUrl: server.url });
  await tracked.registered.register('first');
  const [id = ''] = await tracked.insertProducts(1);
  const claimed = await tracked.outbox.claim(100, { rung_ms: 5 });
  const inserted = claimed.filter(({ key }) => key === id);
  const seq = inserted[0]?.seq ?? 0;
  const acknowledged = await tracked.outbox.acknowledge(applied(inserted), 'first', { maxTraces: 10 });
  await tracked.traces.noteRefreshed([seq]);

  const [trace] = await tracked.traces.ofKey('product', id, 10);
  expect(acknowledged.traces).toEqual([{ ...trace, refreshedAt: null }]);
  const { rows } = await tracked.owner.query<{ steps: string[] }>(
    `select array(select step from (values
       ('changed', changed_at), ('committed', committed_at), ('claimed', dispatched_at), ('applied', applied_at)
     ) as steps (step, at) where at is not null order by at) as steps from catalog.outbox where seq = $1`,
    [seq],
  );
  expect(rows[0]?.steps).toEqual(['changed', 'committed', 'claimed', 'applied']);
  for (const at of [trace?.rungAt, trace?.queuedAt, trace?.refreshedAt]) expect(at).toBeTypeOf('string');
});

test('the changes of one transaction are counted, and the keys that they invalidated', async () => {
  await feed.registered.register('first');
  const client = await feed.owner.connect();
  await client.query('begin');
  for (const key of ['a', 'a', 'b']) {
    await client.query(`insert into catalog.outbox (entity, key, version) values ('product', $1, 1)`, [key]);
  }
  const { rows } = await client.query<{ id: number }>('select pg_current_xact_id()::text::bigint as id');
  await client.query('commit');
  client.release();
  const id = rows[0]?.id ?? 0;
  await feed.insertChanges(1);

  const changes = await feed.outbox.claim(100, { rung_ms: 5 });
  const [first, ...others] = changes.filter(({ transaction }) => transaction === id);
  await feed.outbox.acknowledge(applied(first === undefined ? [] : [first]), 'first');
  expect(await feed.traces.ofTransaction(id)).toMatchObject({ unapplied: 2, changes: 1, keys: 1 });
  await feed.outbox.acknowledge(applied(others), 'first');
  expect(await feed.traces.ofTransaction(id)).toEqual({
    unapplied: 0,
    changes: 3,
    keys: 2,
    committedAt: null,
    appliedAt: expect.any(String) as string,
  });
  expect(await feed.traces.ofTransaction(id + 1_000)).toMatchObject({ unapplied: 0, changes: 0, keys: 0 });
});

test('without track_commit_timestamp, a trace lacks only the commit time', async () => {
  await feed.registered.register('first');
  await feed.insertChanges(1);
  const changes = await feed.outbox.claim(100, { rung_ms: 5 });
  await feed.outbox.acknowledge(applied(changes), 'first');
  const [trace] = await feed.traces.ofKey('product', 'p1', 10);
  expect(trace?.committedAt).toBeNull();
  expect(trace?.claimedAt).not.toBeNull();
});
