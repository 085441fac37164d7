/** When the relay sleeps, who wakes it, and beside whom it does not sleep. */
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '@catalog/testing';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { Outbox } from '../outbox/outbox.ts';
import { feedDatabase } from '../testing/feed-database.ts';
import { relaysOn } from '../testing/running-relay.ts';

const feed = await feedDatabase();
const { owner } = feed;
const { startRelay, neverEndingChanges, stop } = relaysOn(feed);
afterEach(stop);
afterAll(() => feed[Symbol.asyncDispose]());
beforeEach(async () => {
  await owner.query('truncate catalog.outbox');
});

/** How long the looks of an outbox take, all together. */
function lookingTime(outbox: Outbox) {
  let time_ms = 0;
  const claim = outbox.claim.bind(outbox);
  outbox.claim = async (...args) => {
    const began_ms = performance.now();
    const changes = await claim(...args);
    time_ms += performance.now() - began_ms;
    return changes;
  };
  return { outbox, time_ms: () => time_ms };
}

test('while the relay sleeps a commit rings, and while it is awake nobody rings', async () => {
  const changes = neverEndingChanges();
  const { asleep, awakeLock, dispatched, rings } = await startRelay({ dispatch: changes.dispatch });
  await asleep();
  const before = rings();
  await feed.insertProducts(1);
  await eventually(() => dispatched.length >= 2);
  expect(rings()).toBe(before + 1);
  await changes.start();
  await eventually(() => awakeLock.isHeld);
  const sinceHeld = rings();
  for (let commits = 0; commits < 100; commits += 1) await feed.insertProducts(1);
  expect([awakeLock.isHeld, rings()]).toEqual([true, sinceHeld]);
  changes.stop();
});

test('one transaction of many changes rings once', async () => {
  const { asleep, dispatched, rings } = await startRelay();
  await asleep();
  const before = rings();
  await feed.insertProducts(500);
  await eventually(() => dispatched.length === 1_000);
  expect(rings()).toBe(before + 1);
});

test('a doorbell that is never heard costs a second, no change', async () => {
  const { asleep, dispatchedKeys } = await startRelay({ listens: false });
  await asleep();
  const [id = ''] = await feed.insertProducts(1);
  expect(await eventually(() => dispatchedKeys().has(id), { timeout_ms: 2_000 })).toBe(true);
});

test('while a writer who was refused the bell has not committed, the relay goes on looking', async () => {
  const changes = neverEndingChanges();
  const { asleep, awakeLock, dispatchedKeys, looks, rings } = await startRelay({
    dispatch: changes.dispatch,
  });
  await asleep();
  const looksOf = async (time_ms: number) => {
    const before = looks();
    await pause(time_ms);
    return looks() - before;
  };
  const asleepLooks = await looksOf(1_000);
  const writer = await owner.connect();
  try {
    await changes.start();
    await eventually(() => awakeLock.isHeld);
    const before = rings();
    await writer.query('begin');
    await writer.query(`insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`);
    expect([awakeLock.isHeld, rings()]).toEqual([true, before]);
    changes.stop();
    await eventually(() => !awakeLock.isSilencing);
    // Long enough for one that sleeps as usual to be in its deepest sleep.
    await pause(600);
    expect(await looksOf(1_000)).toBeGreaterThan(asleepLooks * 5);
    await writer.query('commit');
    await eventually(() => dispatchedKeys().has('late'), { timeout_ms: 2_000 });
    expect(rings()).toBe(before);
    await owner.query('truncate catalog.outbox');
    await asleep();
    expect(await looksOf(1_000)).toBeLessThanOrEqual(asleepLooks + 1);
  } finally {
    writer.release(true);
  }
});

test('a relay that has just started goes on looking while anybody may have been refused before it came', async () => {
  const writer = await owner.connect();
  const former = await owner.connect();
  try {
    await former.query('select pg_advisory_lock(7236001)');
    await writer.query('begin');
    await writer.query(`insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`);
    await former.query('select pg_advisory_unlock(7236001)');
    const { dispatchedKeys, looks, rings } = await startRelay();
    await pause(600);
    const before = { looks: looks(), rings: rings() };
    await pause(1_000);
    expect(looks() - before.looks).toBeGreaterThan(10);
    await writer.query('commit');
    await eventually(() => dispatchedKeys().has('late'), { timeout_ms: 2_000 });
    expect(rings()).toBe(before.rings);
  } finally {
    writer.release(true);
    former.release(true);
  }
});

test('beside a mass change that is not committed, looking in vain takes at most half of the time', async () => {
  const writer = await owner.connect();
  try {
    await writer.query('begin');
    await writer.query(
      `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, 300000) n`,
    );
    const looking = lookingTime(new Outbox(feed.pool));
    await startRelay({ outbox: looking.outbox });
    await pause(500);
    const before = { looking_ms: looking.time_ms(), at_ms: performance.now() };
    await pause(3_000);
    const part = (looking.time_ms() - before.looking_ms) / (performance.now() - before.at_ms);
    expect(part).toBeGreaterThan(0.1);
    expect(part).toBeLessThan(0.6);
  } finally {
    await writer.query('rollback');
    writer.release();
  }
}, 60_000);
