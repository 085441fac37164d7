import { withTransaction } from '@catalog/database';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { Outbox } from '../outbox/outbox.ts';
import { RegisteredIncarnation } from '../incarnation/registered-incarnation.ts';
import { SetAsideKeys } from '../set-aside/set-aside-keys.ts';
import { applied, feedDatabase } from '../testing/feed-database.ts';
import { feedLimits } from '../timings.ts';
import { type Replay, type ReplayedChange, ReplayPass } from './replay-pass.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, insertChanges } = feed;
const setAside = new SetAsideKeys(pool);
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation, catalog.set_aside_keys');
  await registered.register('first');
});

async function begun(incarnation: string, ofShards?: readonly string[]): Promise<ReplayPass> {
  const pass = await ReplayPass.begin(pool, incarnation, ofShards);
  if (pass === undefined) throw new Error(`${incarnation} is not registered`);
  return pass;
}

/** A whole pass. @returns the keys of the changes, and the pass */
async function walk(pass: ReplayPass, apply: (changes: readonly ReplayedChange[]) => Replay) {
  const keys: string[] = [];
  for (;;) {
    const step = await pass.next(async (changes) => {
      keys.push(...changes.map(({ key }) => key));
      return apply(changes);
    });
    if (step !== 'more') return { step, keys };
  }
}

/** The shard takes all of them. */
const takenBy =
  (appliedTo: string, incarnation: string, mapAge = 0) =>
  (changes: readonly ReplayedChange[]): Replay => ({
    applied: changes.map((change) => ({ ...change, appliedTo })),
    refused: [],
    incarnation,
    mapAge,
  });
const left = (incarnation: string) => (): Replay => ({ applied: [], refused: [], incarnation, mapAge: 0 });

/** Changes that were applied to these shards. */
async function appliedTo(incarnation: string, ...shards: string[]): Promise<void> {
  await insertChanges(shards.length);
  const changes = applied(await outbox.claim(100)).map((change, index) => ({
    ...change,
    appliedTo: shards[index] ?? incarnation,
  }));
  expect(await outbox.acknowledge(changes, incarnation)).toMatchObject({ accepted: true });
}

const settled = async () => (await outbox.look('any')).settled.toSorted();
const isReplaying = async () =>
  (await owner.query<{ is: boolean }>('select is_replaying as is from catalog.cache_incarnation')).rows[0]
    ?.is;
const appliedToNow = async () =>
  (
    await owner.query<{ applied_to: string | null }>(
      `select applied_to from catalog.outbox order by length(key), key`,
    )
  ).rows.map(({ applied_to }) => applied_to);

test('changes of the former incarnation are replayed, within the replay window only, and no watermark waits for them', async () => {
  await appliedTo('first', 'first', 'first');
  await owner.query(`update catalog.outbox set applied_at = applied_at - interval '301 s' where key = 'p1'`);
  await insertChanges(1);
  const [waiting] = await outbox.claim(100);
  await registered.register('second');
  expect(await settled()).toEqual([]);
  expect(await outbox.look('second')).toMatchObject({
    oldest: waiting?.transaction,
    newest: waiting?.transaction,
    registered: true,
  });
  expect(await walk(await begun('second'), takenBy('second', 'second'))).toEqual({
    step: 'end',
    keys: ['p2'],
  });
  const again = await begun('second');
  expect(await walk(again, takenBy('second', 'second'))).toEqual({ step: 'end', keys: [] });
  await again.settle(['second'], true);
  expect(await settled()).toEqual(['second']);
  expect(await isReplaying()).toBe(false);
});

test('a pass takes every change, however many there are, and several workers take turns', async () => {
  await insertChanges(2_100);
  for (let claimed = 0; claimed < 2_100;) {
    const changes = await outbox.claim(1_000);
    claimed += changes.length;
    await outbox.acknowledge(applied(changes), 'first');
  }
  await registered.register('second');
  const sizes: number[] = [];
  const passes = await Promise.all(
    [1, 2].map(async () =>
      walk(await begun('second'), (changes) => {
        sizes.push(changes.length);
        return takenBy('second', 'second')(changes);
      }),
    ),
  );
  expect(Math.max(...sizes)).toBeLessThanOrEqual(feedLimits.replayChanges);
  const keys = passes.flatMap((pass) => pass.keys);
  expect(keys).toHaveLength(2_100);
  expect(new Set(keys).size).toBe(2_100);
  expect(new Set(await appliedToNow())).toEqual(new Set(['second']));
});

test('when a worker dies between registration and replay, the next one replays', async () => {
  await appliedTo('first', 'first');
  await registered.register('second');
  await registered.register('second');
  expect(await settled()).toEqual([]);
  expect((await walk(await begun('second'), takenBy('second', 'second'))).keys).toEqual(['p1']);
});

test('a registration waits for an acknowledgement in progress, whose changes are then replayed', async () => {
  await insertChanges(1);
  const changes = applied(await outbox.claim(100));
  const { registering } = await withTransaction(pool, async (client) => {
    expect((await new Outbox(client).acknowledge(changes, 'first')).accepted).toBe(true);
    const second = registered.register('second');
    await waitingForLock();
    return { registering: second };
  });
  await registering;
  expect((await walk(await begun('second'), takenBy('second', 'second'))).keys).toEqual(['p1']);
});

test('a pass waits for the changes that another worker is replaying', async () => {
  await appliedTo('first', 'first');
  await registered.register('second');
  const one = await begun('second');
  let other: Promise<unknown> = Promise.resolve();
  await one.next(async (changes) => {
    other = walk(await begun('second'), left('second'));
    await waitingForLock();
    return takenBy('second', 'second')(changes);
  });
  expect(await other).toEqual({ step: 'end', keys: [] });
});

test('a shard that fails over is settled last, and the others stay settled', async () => {
  await registered.register('map 1', ['a1', 'b1', 'c1'], 1, ['a1 x', 'b1 x', 'c1 x']);
  await (await begun('map 1')).settle(['a1 x', 'b1 x', 'c1 x'], true);
  await appliedTo('map 1', 'a1', 'b1', 'c1');
  await registered.register('map 2', ['a2', 'b1', 'c1'], 2, ['a2 x', 'b1 x', 'c1 x']);
  expect(await settled()).toEqual(['b1 x', 'c1 x']);
  const pass = await begun('map 2', ['a2', 'b1', 'c1']);
  expect([...pass.settled].toSorted()).toEqual(['b1 x', 'c1 x']);
  expect((await walk(pass, takenBy('a2', 'map 2', 2))).keys).toEqual(['p1']);
  expect(await appliedToNow()).toEqual(['a2', 'b1', 'c1']);
  await pass.settle(['a2 x'], false);
  expect(await settled()).toEqual(['a2 x', 'b1 x', 'c1 x']);
  expect(await isReplaying()).toBe(true);
  await pass.settle(['a2 x'], true);
  // Another worker has found changes that this one has replayed since.
  await (await begun('map 2', ['a2', 'b1', 'c1'])).settle(['a2 x'], false);
  expect(await isReplaying()).toBe(false);
});

test('changes of one step may be taken by several shards', async () => {
  await registered.register('map 1', ['a1', 'b1'], 1);
  await appliedTo('map 1', 'a1', 'b1');
  await registered.register('map 2', ['a2', 'b2'], 2);
  const { step } = await walk(await begun('map 2', ['a2', 'b2']), (changes) => ({
    applied: changes.map((change) => ({ ...change, appliedTo: change.key === 'p1' ? 'a2' : 'b2' })),
    refused: [],
    incarnation: 'map 2',
    mapAge: 2,
  }));
  expect([step, await appliedToNow()]).toEqual(['end', ['a2', 'b2']]);
});

test('a change of an entity that is not cached is replayed to the whole cache, once', async () => {
  await appliedTo('first', 'first');
  await registered.register('map 2', ['a1', 'b1'], 2);
  const replayed = async () =>
    (await walk(await begun('map 2', ['a1', 'b1']), takenBy('map 2', 'map 2', 2))).keys;
  expect([await replayed(), await replayed()]).toEqual([['p1'], []]);
  expect(await appliedToNow()).toEqual(['map 2']);
});

test('a shard that comes in addition is settled after a replay, and the others at once', async () => {
  await registered.register('map 1', ['a1'], 1, ['a1 x']);
  await (await begun('map 1')).settle(['a1 x'], true);
  await registered.register('map 2', ['a1', 'b1'], 2, ['a1 y', 'b1 y']);
  expect([await settled(), await isReplaying()]).toEqual([['a1 y'], true]);
});

test('slots that move settle at once, unless changes of a former server may be missing', async () => {
  await registered.register('map 1', ['a1', 'b1'], 1, ['a1 x', 'b1 x']);
  await (await begun('map 1')).settle(['a1 x', 'b1 x'], true);
  await registered.register('map 2', ['a1', 'b1'], 2, ['a1 y', 'b1 y']);
  expect([await settled(), await isReplaying()]).toEqual([['a1 y', 'b1 y'], false]);
  // The server of b fails over, and gives a slot to a, before the worker notices anything.
  await registered.register('map 3', ['a1', 'b2'], 3, ['a1 z', 'b2 z']);
  expect([await settled(), await isReplaying()]).toEqual([[], true]);
  await (await begun('map 3')).settle(['b2 z'], false);
  await registered.register('map 4', ['a1', 'b2'], 4, ['a1 z', 'b2 w']);
  expect(await settled()).toEqual([]);
  await (await begun('map 4')).settle(['a1 z'], true);
  expect([await settled(), await isReplaying()]).toEqual([['a1 z'], true]);
  await (await begun('map 4')).settle(['b2 w'], true);
  expect([await settled(), await isReplaying()]).toEqual([['a1 z', 'b2 w'], false]);
});

test('a shard that is away for a while is not settled when it is back', async () => {
  await registered.register('map 1', ['a1', 'b1'], 1, ['a1 x', 'b1 x']);
  await (await begun('map 1')).settle(['a1 x', 'b1 x'], true);
  await appliedTo('map 1', 'b1');
  await registered.register('map 1, b is away', ['a1'], 1, ['a1 x']);
  expect([await settled(), await isReplaying()]).toEqual([['a1 x'], true]);
  await registered.register('map 1', ['a1', 'b1'], 1, ['a1 x', 'b1 x']);
  expect(await settled()).toEqual(['a1 x']);
});

test('a pass settles nothing if another incarnation was registered during it, even for a moment', async () => {
  const pass = await begun('first');
  await walk(pass, left('first'));
  await registered.register('second');
  await registered.register('first');
  await pass.settle(['first'], true);
  expect(await settled()).toEqual([]);
  expect(await ReplayPass.begin(pool, 'second')).toBeUndefined();
});

test('what a worker replays with a newer map than the registered one, or to another shard, does not count', async () => {
  await appliedTo('first', 'first');
  await registered.register('map 2', ['a1', 'b1'], 2);
  const attempt = async (to: string, incarnation: string, mapAge: number) => {
    const pass = await begun('map 2', ['a1', 'b1']);
    return (await walk(pass, takenBy(to, incarnation, mapAge))).step;
  };
  expect(await attempt('a1', 'map 3', 3)).toBe('refused');
  expect(await attempt('a2', 'map 2', 2)).toBe('refused');
  expect(await appliedToNow()).toEqual(['first']);
  expect(await attempt('a1', 'map 1', 1)).toBe('end');
  expect(await appliedToNow()).toEqual(['a1']);
});

test('a worker that does not know another shard is back may replay with the registered map of slots', async () => {
  await appliedTo('first', 'first');
  await registered.register('map 2, with b2', ['a1', 'b2'], 2);
  const pass = await begun('map 2, with b2', ['a1', 'b2']);
  expect((await walk(pass, takenBy('a1', 'map 2, with b1', 2))).step).toBe('end');
  expect(await appliedToNow()).toEqual(['a1']);
});

test('a key that Redis refuses again is named with its highest version, and an attempt before that does not release it', async () => {
  await insertChanges(1);
  const [change] = await outbox.claim(10);
  if (change === undefined) throw new Error('the change was not claimed');
  const cacheKey = 'product:p1';
  await setAside.add(
    [{ cacheKey, entity: 'product', key: 'p1', reason: 'away', rows: [change], slot: 7 }],
    'first',
  );
  await registered.register('second');
  const attempts = [];
  for (const version of [5, 3]) {
    const [taken] = await setAside.takeForRetry(0, 10, [7]);
    attempts.push(taken);
    await walk(await begun('second'), (changes) => ({
      ...left('second')(),
      refused: [{ cacheKey, entity: 'product', version, reason: new Error(`NOPERM ${version}`), changes }],
    }));
    if (taken !== undefined)
      expect(await setAside.release([{ ...taken, incarnation: 'second' }], 'second')).toBe(0);
    expect(await outbox.look('second')).toMatchObject({ slotsAway: [], setAside: { keys: [cacheKey] } });
  }
  expect(attempts).toMatchObject([
    { version: 1, changes: 1 },
    { version: 5, changes: 2 },
  ]);
  expect(await setAside.takeForRetry(0, 10)).toMatchObject([{ version: 5, changes: 3 }]);
  expect(await setAside.summary(1)).toMatchObject({ reason: 'NOPERM 3' });
});

test('what was set aside is replayed; a key that Redis refuses then is set aside, and its change counts as applied', async () => {
  await insertChanges(2);
  const [one, two] = await outbox.claim(10);
  if (one === undefined || two === undefined) throw new Error('the changes were not claimed');
  const refusal = { cacheKey: 'product:p1', entity: 'product', key: 'p1', reason: 'NOPERM', rows: [one] };
  await setAside.add([refusal], 'first');
  await outbox.acknowledge(applied([two]), 'first');
  await registered.register('second');
  const { keys } = await walk(await begun('second'), (changes) => ({
    applied: changes.filter(({ key }) => key === 'p1').map((change) => ({ ...change, appliedTo: 'second' })),
    refused: changes
      .filter(({ key }) => key === 'p2')
      .map((change) => ({
        ...change,
        cacheKey: 'product:p2',
        reason: new Error('NOPERM'),
        changes: [change],
      })),
    incarnation: 'second',
    mapAge: 0,
  }));
  // Its row moves when it is set aside. Then the pass meets it once more.
  expect(keys.toSorted()).toEqual(['p1', 'p2', 'p2']);
  expect(await appliedToNow()).toEqual(['second', 'set aside']);
  expect(await outbox.look('second')).toMatchObject({
    oldest: null,
    setAside: { keys: ['product:p1', 'product:p2'] },
  });
});

test('a replay that fails leaves the changes as they were', async () => {
  await appliedTo('first', 'first');
  await registered.register('second');
  const pass = await begun('second');
  await expect(
    pass.next(async () => {
      throw new Error('the cache is away');
    }),
  ).rejects.toThrow('the cache is away');
  expect(await appliedToNow()).toEqual(['first']);
});

test('a replay that meets a registration in progress does not count', async () => {
  await appliedTo('first', 'first');
  await registered.register('second');
  const pass = await begun('second');
  const { replaying } = await withTransaction(pool, async (client) => {
    await new RegisteredIncarnation(client).register('third');
    const replay = walk(pass, takenBy('second', 'second'));
    await waitingForLock();
    return { replaying: replay };
  });
  expect((await replaying).step).toBe('refused');
  expect(await appliedToNow()).toEqual(['first']);
});

test('a settlement that meets a registration in progress does nothing', async () => {
  const pass = await begun('first');
  const { settling } = await withTransaction(pool, async (client) => {
    await new RegisteredIncarnation(client).register('second');
    const first = pass.settle(['first'], true);
    await waitingForLock();
    return { settling: first };
  });
  await settling;
  expect([await settled(), await isReplaying()]).toEqual([[], true]);
});

async function waitingForLock(): Promise<void> {
  for (;;) {
    const { rows } = await owner.query(`select from pg_stat_activity where wait_event_type = 'Lock'
      and datname = current_database()`);
    if (rows.length > 0) return;
  }
}
