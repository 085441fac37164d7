import { setTimeout as pause } from 'node:timers/promises';
import { eventually, startPostgres, tcpProxy } from '@catalog/testing';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { DoorbellListener } from '../doorbell/doorbell-listener.ts';
import { Outbox, type ClaimedChange } from '../outbox/outbox.ts';
import { applied, feedDatabase, type FeedDatabase } from '../testing/feed-database.ts';
import { AwakeLock } from './awake-lock.ts';
import { Relay, type RelayOptions } from './relay.ts';

const feed = await feedDatabase();
const { owner, outbox } = feed;
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()));
});
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

interface Hooks {
  readonly outbox?: Outbox;
  readonly on?: FeedDatabase;
  readonly dispatch?: (changes: readonly ClaimedChange[]) => Promise<void>;
  readonly hasRoom?: () => boolean;
  readonly mayDispatch?: () => boolean;
  readonly directUrl?: string;
  readonly listens?: boolean;
}

/**
 * Keeps a relay awake until it is stopped, however slow the machine is: each dispatch commits what the next look finds.
 * `dispatch` is the relay's hook.
 */
function neverEndingChanges() {
  let goesOn = false;
  const commitNext = async () => {
    if (goesOn) await feed.insertProducts(1);
  };
  return {
    dispatch: commitNext,
    async start() {
      goesOn = true;
      await commitNext();
    },
    stop() {
      goesOn = false;
    },
  };
}

/** A relay that notes what it dispatches, and a listener that wakes it. */
async function startRelay(hooks: Hooks = {}) {
  const on = hooks.on ?? feed;
  const dispatched: ClaimedChange[] = [];
  const errors: unknown[] = [];
  let looks = 0;
  const onError = (error: unknown) => errors.push(error);
  const awakeLock = new AwakeLock(hooks.directUrl ?? on.workerUrl, onError);
  const options: RelayOptions = {
    outbox: hooks.outbox ?? new Outbox(on.pool),
    awakeLock,
    dispatch: async (changes) => {
      await hooks.dispatch?.(changes);
      dispatched.push(...changes);
    },
    hasRoom: async () => hooks.hasRoom?.() ?? true,
    mayDispatch: () => {
      looks += 1;
      return hooks.mayDispatch?.() ?? true;
    },
    onError,
  };
  const relay = new Relay(options);
  relay.start();
  stops.push(() => relay.stop());
  let rings = 0;
  if (hooks.listens !== false) {
    const ready = Promise.withResolvers<void>();
    const listener = new DoorbellListener({
      databaseUrl: on.workerUrl,
      onRing: () => {
        rings += 1;
        relay.ring();
      },
      onListening: () => ready.resolve(),
      onError,
    });
    listener.start();
    stops.push(() => listener.stop());
    await ready.promise;
  }
  return {
    relay,
    awakeLock,
    dispatched,
    errors,
    /** How often it has looked into the outbox. */
    looks: () => looks,
    rings: () => rings,
    dispatchedKeys: () => new Set(dispatched.map(({ key }) => key)),
    /** It sleeps soundly: its next look of its own is far away. */
    asleep: async () => {
      await eventually(() => !awakeLock.isSilencing);
      await pause(600);
    },
  };
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

test('what could not be dispatched is given back, and dispatched at a later look', async () => {
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

test('a relay that dies between its claim and the dispatch loses nothing', async () => {
  await feed.insertProducts(2);
  expect(await outbox.claim(100)).toHaveLength(4);
  const { dispatched } = await startRelay();
  await eventually(() => dispatched.length === 4, { timeout_ms: 6_000 });
  expect(dispatched.every(({ dispatches }) => dispatches === 2)).toBe(true);
});

test('a change whose acknowledgement is lost is dispatched again, until one arrives', async () => {
  const { dispatched } = await startRelay();
  await owner.query(`insert into catalog.outbox (entity, key, version) values ('product', 'lost', 1)`);
  await eventually(() => dispatched.length === 2, { timeout_ms: 6_000 });
  await outbox.register('first');
  await outbox.acknowledge(applied(dispatched.map(({ seq }) => seq)), 'first');
  expect(await feed.unapplied()).toBe(0);
});

test('two relays dispatch every change once between them', async () => {
  const one = await startRelay();
  const two = await startRelay();
  await Promise.all(Array.from({ length: 30 }, () => feed.insertProducts(20)));
  await eventually(() => one.dispatched.length + two.dispatched.length >= 1_200);
  const all = [...one.dispatched, ...two.dispatched].map(({ seq }) => seq);
  expect(new Set(all).size).toBe(1_200);
  expect(all).toHaveLength(1_200);
});

test('when the relay that kept the bell silent is gone, the other is woken by it', async () => {
  const one = await startRelay();
  const two = await startRelay();
  await feed.insertProducts(5);
  await eventually(() => one.dispatched.length + two.dispatched.length === 10);
  await one.relay.stop();
  await two.asleep();
  const before = two.rings();
  const [id = ''] = await feed.insertProducts(1);
  await eventually(() => two.dispatchedKeys().has(id));
  expect(two.rings()).toBe(before + 1);
});

test('without room nothing is claimed, and stopping does not wait for room', async () => {
  let room = false;
  let refusals = 0;
  const hasRoom = () => {
    if (!room) refusals += 1;
    return room;
  };
  const { dispatched, relay } = await startRelay({ hasRoom });
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
  await relay.stop();
  expect(await feed.unapplied()).toBe(22);
});

test('an edit does not wait behind a mass change that was committed before it', async () => {
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

test('while nothing can be applied, changes stay where they are', async () => {
  let may = false;
  const { dispatched, relay } = await startRelay({ mayDispatch: () => may });
  await feed.insertProducts(2);
  await pause(50);
  expect(dispatched).toEqual([]);
  may = true;
  relay.look();
  await eventually(() => dispatched.length === 4);
});

test('a relay whose lock cannot be had looks by itself, as if it were awake', async () => {
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
    // The first one is found by the look that is due anyway, and shows that nobody can ring.
    const [id = ''] = await feed.insertProducts(1);
    expect(await eventually(() => dispatchedKeys().has(id), { timeout_ms: 2_000 })).toBe(true);
    await eventually(() => awakeLock.isDenied);
    const before = looks;
    await pause(1_000);
    // Asleep it would look once.
    expect(looks - before).toBeGreaterThan(10);
    await holder.query('select pg_advisory_unlock_all()');
    await eventually(() => !awakeLock.isDenied && !awakeLock.isHeld && !awakeLock.isRequested);
  } finally {
    await holder.query('select pg_advisory_unlock_all()');
    holder.release();
  }
});

test('a lock whose connection is cut without a word keeps nobody from looking', async () => {
  const url = new URL(feed.workerUrl);
  await using proxy = await tcpProxy({ to: Number(url.port) });
  url.port = String(proxy.port);
  const changes = neverEndingChanges();
  const { awakeLock, dispatchedKeys, relay } = await startRelay({
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
  await relay.stop();
});

test('the doorbell falls silent before a full notification queue fails a commit', async () => {
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
  // More than what is left of the queue, if each rang.
  for (let commits = 0; commits < 50; commits += 1) await small.insertProducts(1);
  expect(await usage()).toBe(before);

  const { dispatched } = await startRelay({ on: small, listens: false });
  await eventually(() => dispatched.length === 100);
  expect((await small.outbox.backlog()).notification_queue_usage).toBeGreaterThanOrEqual(0.5);
  await Promise.all(stops.splice(0).map((stop) => stop()));
  await stuck.query('rollback');
  stuck.release();
}, 60_000);
