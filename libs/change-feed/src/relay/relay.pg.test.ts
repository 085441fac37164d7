import { setTimeout as pause } from 'node:timers/promises';
import { eventually, startPostgres, tcpProxy } from '@catalog/testing';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { relaysOn } from '../testing/running-relay.ts';

const feed = await feedDatabase();
const { owner, outbox } = feed;
const { startRelay, neverEndingChanges, stop } = relaysOn(feed);
afterEach(stop);
afterAll(() => feed[Symbol.asyncDispose]());
beforeEach(async () => {
  await owner.query('truncate catalog.outbox');
});

test('changes that could not be dispatched are released, and dispatched at a later look', async () => {
  let failures = 2;
  const { dispatched, errors } = await startRelay({
    dispatch: async () => {
      if (failures-- > 0) throw new Error('the queue is away');
    },
  });
  await feed.insertProducts(3);
  await eventually(() => dispatched.length === 6);
  expect(errors).toHaveLength(2);
  expect(new Set(dispatched.map(({ seq }) => seq)).size).toBe(6);
});

test('a relay that dies between claim and dispatch loses no change', async () => {
  await feed.insertProducts(2);
  expect(await outbox.claim(100)).toHaveLength(4);
  const { dispatched } = await startRelay();
  await eventually(() => dispatched.length === 4, { timeout_ms: 6_000 });
  expect(dispatched.every(({ dispatches }) => dispatches === 2)).toBe(true);
});

test('a change is dispatched again until its acknowledgement arrives', async () => {
  const { dispatched } = await startRelay();
  await owner.query(`insert into catalog.outbox (entity, key, version) values ('product', 'lost', 1)`);
  await eventually(() => dispatched.length === 2, { timeout_ms: 6_000 });
  await feed.registered.register('first');
  await outbox.acknowledge(applied(dispatched), 'first');
  expect(await feed.unapplied()).toBe(0);
});

test('two relays together dispatch every change once', async () => {
  const one = await startRelay();
  const two = await startRelay();
  await Promise.all(Array.from({ length: 30 }, () => feed.insertProducts(20)));
  await eventually(() => one.dispatched.length + two.dispatched.length >= 1_200);
  const all = [...one.dispatched, ...two.dispatched].map(({ seq }) => seq);
  expect(new Set(all).size).toBe(1_200);
  expect(all).toHaveLength(1_200);
});

test('when the relay that held the awake lock is gone, the doorbell wakes the other one', async () => {
  const one = await startRelay();
  const two = await startRelay();
  await feed.insertProducts(5);
  await eventually(() => one.dispatched.length + two.dispatched.length === 10);
  await one.stop();
  await two.asleep();
  const before = await two.rings();
  const [id = ''] = await feed.insertProducts(1);
  await eventually(() => two.dispatchedKeys().has(id));
  expect(await two.rings()).toBe(before + 1);
});

test('without room nothing is claimed, and stopping does not wait for room', async () => {
  let room = false;
  let refusals = 0;
  const hasRoom = () => {
    if (!room) refusals += 1;
    return room;
  };
  const { dispatched, stop: stopRelay } = await startRelay({ hasRoom });
  await feed.insertProducts(10);
  await pause(100);
  const claimed = await owner.query('select from catalog.outbox where dispatches > 0');
  expect(claimed.rows).toHaveLength(0);
  room = true;
  await eventually(() => dispatched.length === 20);
  room = false;
  refusals = 0;
  await feed.insertProducts(1);
  await eventually(() => refusals > 2);
  await stopRelay();
  expect(await feed.unapplied()).toBe(22);
});

test('an edit does not wait behind an earlier mass change', async () => {
  let room = false;
  const batches: string[][] = [];
  await startRelay({
    hasRoom: () => room,
    dispatch: async (changes) => void batches.push(changes.map(({ key }) => key)),
  });
  await owner.query(
    `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, 9000) n`,
  );
  await owner.query(`insert into catalog.outbox (entity, key, version) values ('product', 'edited', 9001)`);
  room = true;
  await eventually(() => batches.flat().length === 9_001, { timeout_ms: 15_000 });
  expect(batches.length).toBeGreaterThan(3);
  expect(batches[0]?.at(-1)).toBe('edited');
});

test('while nothing can be applied, changes stay in the outbox', async () => {
  let may = false;
  const { dispatched, relay } = await startRelay({ mayDispatch: () => may });
  await feed.insertProducts(2);
  await pause(50);
  expect(dispatched).toEqual([]);
  may = true;
  relay.look();
  await eventually(() => dispatched.length === 4);
});

test('a relay that cannot get the awake lock looks by itself, as if it were awake', async () => {
  const holder = await owner.connect();
  try {
    await holder.query('select pg_advisory_lock(7236001)');
    let looks = 0;
    const { dispatchedKeys, awakeLock } = await startRelay({
      hasRoom: () => {
        looks += 1;
        return true;
      },
    });
    // A look that was due finds the first change, which shows that writers cannot ring.
    const [id = ''] = await feed.insertProducts(1);
    expect(await eventually(() => dispatchedKeys().has(id), { timeout_ms: 2_000 })).toBe(true);
    await eventually(() => awakeLock.isDenied);
    const before = looks;
    await pause(1_000);
    // A sleeping relay would look once.
    expect(looks - before).toBeGreaterThan(10);
    await holder.query('select pg_advisory_unlock_all()');
    await eventually(() => !awakeLock.isDenied && !awakeLock.isHeld && !awakeLock.isRequested);
  } finally {
    await holder.query('select pg_advisory_unlock_all()');
    holder.release();
  }
});

test('a relay keeps looking when the connection of its awake lock is cut silently', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const changes = neverEndingChanges();
  const {
    awakeLock,
    dispatchedKeys,
    stop: stopRelay,
  } = await startRelay({
    dispatch: changes.dispatch,
    directUrl: url.href,
    listens: false,
  });
  await changes.start();
  await eventually(() => awakeLock.isHeld);
  proxy.blackhole();
  changes.stop();
  for (let commits = 0; commits < 3; commits += 1) {
    const [id = ''] = await feed.insertProducts(1);
    expect(await eventually(() => dispatchedKeys().has(id), { timeout_ms: 2_000 })).toBe(true);
  }
  await stopRelay();
});

test('the doorbell falls silent before a full notification queue makes a commit fail', async () => {
  await using server = await startPostgres({ config: { max_notify_queue_pages: '64' } });
  await using small = await feedDatabase({ serverUrl: server.url });
  const stuck = await small.owner.connect();
  await stuck.query('listen catalog_outbox');
  await stuck.query('begin');
  await stuck.query('select 1');
  const usage = async () =>
    (await small.owner.query<{ usage: number }>('select pg_notification_queue_usage() as usage')).rows[0]
      ?.usage ?? 0;
  while ((await usage()) < 0.5) {
    await small.owner.query(
      `select pg_notify('something', repeat('x', 7000) || n) from generate_series(1, 5) n`,
    );
  }
  const before = await usage();
  // More rings than the rest of the queue can take.
  for (let commits = 0; commits < 50; commits += 1) await small.insertProducts(1);
  expect(await usage()).toBe(before);

  const { dispatched } = await startRelay({ on: small, listens: false });
  await eventually(() => dispatched.length === 100);
  expect((await small.outbox.backlog()).notification_queue_usage).toBeGreaterThanOrEqual(0.5);
  await stop();
  await stuck.query('rollback');
  stuck.release();
}, 60_000);
