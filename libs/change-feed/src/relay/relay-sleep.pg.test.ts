/** When the relay sleeps, what wakes it, and which transactions keep it awake. */
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

/** Measures the share of the time that an outbox spends in looks. */
function timedOutbox(outbox: Outbox) {
  let looks = 0;
  let time_ms = 0;
  const claim = outbox.claim.bind(outbox);
  outbox.claim = async (...args) => {
    const began_ms = performance.now();
    const changes = await claim(...args);
    time_ms += performance.now() - began_ms;
    looks += 1;
    return changes;
  };
  return {
    outbox,
    /** Over `count` looks, after the first five. `dispatch_ms` is added to each. */
    async partOfLooking(count: number, dispatch_ms = 0): Promise<number> {
      await betweenLooks_ms(() => looks, 5);
      const before_ms = time_ms;
      const each_ms = await betweenLooks_ms(() => looks, count);
      return ((time_ms - before_ms) / count + dispatch_ms) / each_ms;
    },
  };
}

test('a commit rings while the relay sleeps, and does not ring while it is awake', async () => {
  const changes = neverEndingChanges();
  const { asleep, awakeLock, dispatched, rings } = await startRelay({ dispatch: changes.dispatch });
  await asleep();
  const before = await rings();
  await feed.insertProducts(1);
  await eventually(() => dispatched.length >= 2);
  expect(await rings()).toBe(before + 1);
  await changes.start();
  await eventually(() => awakeLock.isHeld);
  const sinceHeld = await rings();
  for (let commits = 0; commits < 100; commits += 1) await feed.insertProducts(1);
  expect([awakeLock.isHeld, await rings()]).toEqual([true, sinceHeld]);
  changes.stop();
});

test('a transaction with many changes rings once', async () => {
  const { asleep, dispatched, rings } = await startRelay();
  await asleep();
  const before = await rings();
  await feed.insertProducts(500);
  await eventually(() => dispatched.length === 1_000);
  expect(await rings()).toBe(before + 1);
});

test('after a ring, the relay looks before it asks whether it may sleep', async () => {
  const outbox = new Outbox(feed.pool);
  const done: string[] = [];
  for (const step of ['claim', 'isBeingWritten'] as const) {
    const real = outbox[step].bind(outbox) as () => Promise<never>;
    outbox[step] = (...args: []) => {
      done.push(step);
      return real(...args);
    };
  }
  const { relay, asleep } = await startRelay({ outbox, listens: false });
  await asleep();
  done.length = 0;
  relay.ring();
  await eventually(() => done.length > 0);
  expect(done[0]).toBe('claim');
});

test('a doorbell that is never heard delays a change by a second and loses none', async () => {
  const { asleep, dispatchedKeys } = await startRelay({ listens: false });
  await asleep();
  const [id = ''] = await feed.insertProducts(1);
  expect(await eventually(() => dispatchedKeys().has(id), { timeout_ms: 2_000 })).toBe(true);
});

/** How long the next looks take, on average. */
async function betweenLooks_ms(looks: () => number, count: number): Promise<number> {
  const [before, began_ms] = [looks(), performance.now()];
  await eventually(() => looks() >= before + count, { timeout_ms: 15_000 });
  return (performance.now() - began_ms) / count;
}

/** How many times longer the pause between two looks is in deep sleep. */
const deepSleepFactor = 10;

test('the relay keeps looking until a writer that cannot ring has ended', async () => {
  const changes = neverEndingChanges();
  const { asleep, awakeLock, dispatchedKeys, looks, rings } = await startRelay({
    dispatch: changes.dispatch,
  });
  const writer = await owner.connect();
  try {
    await changes.start();
    await eventually(() => awakeLock.isHeld);
    const before = await rings();
    await writer.query('begin');
    await writer.query(`insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`);
    expect([awakeLock.isHeld, await rings()]).toEqual([true, before]);
    changes.stop();
    await eventually(() => !awakeLock.isSilencing);
    const withWriter_ms = await betweenLooks_ms(looks, 60);
    await writer.query('commit');
    await eventually(() => dispatchedKeys().has('late'), { timeout_ms: 2_000 });
    expect(await rings()).toBe(before);
    // Unacknowledged changes would be dispatched again.
    await owner.query('truncate catalog.outbox');
    await asleep();
    expect(await betweenLooks_ms(looks, 2)).toBeGreaterThan(withWriter_ms * deepSleepFactor);
  } finally {
    writer.release(true);
  }
}, 60_000);

test('a new relay keeps looking while a writer from before its start may be unable to ring', async () => {
  const writer = await owner.connect();
  const former = await owner.connect();
  try {
    await former.query('select pg_advisory_lock(7236001)');
    await writer.query('begin');
    await writer.query(`insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`);
    await former.query('select pg_advisory_unlock(7236001)');
    const { dispatchedKeys, looks, rings } = await startRelay();
    const withWriter_ms = await betweenLooks_ms(looks, 60);
    const before = await rings();
    await writer.query('commit');
    await eventually(() => dispatchedKeys().has('late'), { timeout_ms: 2_000 });
    expect(await rings()).toBe(before);
    await owner.query('truncate catalog.outbox');
    expect(await betweenLooks_ms(looks, 10)).toBeGreaterThan(withWriter_ms * 2);
  } finally {
    writer.release(true);
    former.release(true);
  }
}, 60_000);

test('with dead rows that vacuum cannot remove, empty looks take at most half of the time', async () => {
  const reader = await owner.connect();
  const writer = await owner.connect();
  try {
    // An old snapshot, as pg_dump has one: vacuum must keep all rows.
    await reader.query('begin isolation level repeatable read; select from catalog.outbox');
    await owner.query(
      `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, 300000) n`,
    );
    await owner.query('update catalog.outbox set applied_at = now()');
    // An open transaction keeps the relay from deep sleep.
    await writer.query('begin');
    await writer.query(`insert into catalog.outbox (entity, key, version) values ('product', 'late', 1)`);
    const { outbox, partOfLooking } = timedOutbox(new Outbox(feed.pool));
    await startRelay({ outbox });
    const part = await partOfLooking(20);
    expect(part).toBeGreaterThan(0.1);
    expect(part).toBeLessThan(0.6);
  } finally {
    reader.release(true);
    writer.release(true);
  }
}, 60_000);

test('in a dense stream the relay looks seldom: looks and dispatches take a small part of the time', async () => {
  const dispatch_ms = 20;
  const { outbox, partOfLooking } = timedOutbox(new Outbox(feed.pool));
  const { awakeLock } = await startRelay({ outbox, dispatch: () => pause(dispatch_ms) });
  const end = new AbortController();
  const stream = (async () => {
    // A dense stream, but one claim can take all of it.
    for (; !end.signal.aborted; await pause(2)) await feed.insertProducts(10);
  })();
  try {
    await eventually(() => awakeLock.isHeld);
    expect(await partOfLooking(20, dispatch_ms)).toBeLessThan(0.45);
  } finally {
    end.abort();
    await stream;
  }
}, 60_000);

test('changes beyond one full claim do not wait', async () => {
  const dispatch_ms = 20;
  await owner.query(
    `insert into catalog.outbox (entity, key, version) select 'product', 'p' || n, n from generate_series(1, 60000) n`,
  );
  const { outbox, partOfLooking } = timedOutbox(new Outbox(feed.pool));
  const { awakeLock } = await startRelay({ outbox, dispatch: () => pause(dispatch_ms) });
  await eventually(() => awakeLock.isHeld);
  expect(await partOfLooking(10, dispatch_ms)).toBeGreaterThan(0.7);
}, 60_000);
