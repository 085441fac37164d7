/** The replay with Postgres, and with two shards that only the test knows. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChangeInvalidator, type Outcome, ShardAway, slotOf, type WorkerCache } from '@catalog/cache/worker';
import {
  feedLimits,
  Outbox,
  outboxPoolOptions,
  RegisteredIncarnation,
  ReplayPass,
  SetAsideKeys,
} from '@catalog/change-feed';
import { PRODUCT } from '@catalog/contracts';
import { createPool, type Pool } from '@catalog/database';
import { type RunningPart, startPart } from '@catalog/runtime';
import { createTestDatabase, eventually, type TestDatabase } from '@catalog/testing';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { Replayer } from './replayer.ts';

let database: TestDatabase;
let owner: Pool;
let pool: Pool;
let outbox: Outbox;
let registered: RegisteredIncarnation;
beforeAll(async () => {
  database = await createTestDatabase({ migrated: true });
  owner = createPool({ url: database.url, applicationName: 'test' });
  const url = database.urlFor('invalidation_worker');
  pool = createPool({ ...outboxPoolOptions, url, applicationName: 'worker' });
  [outbox, registered] = [new Outbox(pool), new RegisteredIncarnation(pool)];
});
afterAll(async () => {
  await Promise.all([owner?.end(), pool?.end()]);
  await database?.[Symbol.asyncDispose]();
});

type Name = 'a' | 'b';
interface Shard {
  /** Of its server. */
  incarnation: string;
  isThere: boolean;
}

/** The cache as the worker knows it. The first letter of a key names its shard. */
let shards: Record<Name, Shard>;
let cache: { incarnation: string | undefined; mapAge: number };
let settledByLook: ReadonlySet<string>;
/** What Redis answers for a key, unless it takes it. */
let refusals: Map<string, Error>;
let isRegistered: () => boolean;
let steps: string[];
let endLists: () => Promise<void>;
let onInvalidate: () => void;
let errors: unknown[];
let running: RunningPart | undefined;
const listeners = new Set<() => void>();
const wake = () => {
  for (const listener of listeners) listener();
};

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation, catalog.set_aside_keys');
  shards = { a: { incarnation: 'a1', isThere: true }, b: { incarnation: 'b1', isThere: true } };
  cache = { incarnation: 'map 1', mapAge: 1 };
  settledByLook = new Set();
  refusals = new Map();
  isRegistered = () => true;
  steps = [];
  errors = [];
  endLists = async () => undefined;
  onInvalidate = () => undefined;
  await register();
  await (await ReplayPass.begin(pool, 'map 1'))?.settle(['phase of a1', 'phase of b1'], true);
});
afterEach(async () => {
  await running?.stop();
  if (listeners.size > 0) throw new Error('a replayer that has stopped still follows the registration');
});

const incarnations = () => Object.values(shards).map(({ incarnation }) => incarnation);
const register = () =>
  registered.register(
    cache.incarnation ?? '',
    incarnations(),
    cache.mapAge,
    incarnations().map((incarnation) => `phase of ${incarnation}`),
  );

const asShard = ({ incarnation }: Shard) => ({
  phase: `phase of ${incarnation}`,
  lastIncarnation: incarnation,
});
const slots = new Map<number, Name>();
const shardOf = (key: string) => shards[key[0] as Name];

const workerCache = {
  get incarnation() {
    return cache.incarnation;
  },
  get incarnations() {
    return incarnations();
  },
  get mapAge() {
    return cache.mapAge;
  },
  get present() {
    return Object.values(shards)
      .filter(({ isThere }) => isThere)
      .map(asShard);
  },
  shards: { ofSlot: (slot: number) => asShard(shards[slots.get(slot) ?? 'a']) },
} as unknown as WorkerCache;

function take(cacheKey: string): Outcome {
  const key = cacheKey.slice(PRODUCT.cacheKey('').length);
  slots.set(slotOf(cacheKey), key[0] as Name);
  const { isThere, incarnation } = shardOf(key);
  const reason = isThere ? refusals.get(key) : new ShardAway();
  return reason === undefined
    ? { status: 'fulfilled', value: key.endsWith(' in use'), incarnation }
    : { status: 'rejected', reason };
}

function start(): void {
  const replayer = new Replayer({
    db: pool,
    cache: workerCache,
    registration: {
      isRegistered: () => isRegistered(),
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    changeInvalidator: new ChangeInvalidator([PRODUCT], workerCache, {
      async invalidate(keys) {
        onInvalidate();
        return keys.map(([cacheKey]) => take(cacheKey));
      },
    }),
    settled: () => settledByLook,
    async endLists(incarnation) {
      steps.push(`lists end in ${incarnation}, settled: ${(await settled()).join()}`);
      await endLists();
    },
    onApplied: (changes) => steps.push(`applied: ${changes.map(({ key }) => key).join()}`),
    refresh: (keys) => steps.push(`to refresh: ${keys.map(({ key }) => key).join()}`),
    onReplayed: (changes) => steps.push(`replayed: ${changes}`),
    log: { info: () => undefined },
    onError: (error) => errors.push(error),
  });
  running = startPart(replayer);
}

/** Changes of these keys, applied to the shards that have them now. */
async function change(...keys: string[]): Promise<void> {
  await owner.query(
    `insert into catalog.outbox (entity, key, version)
     select 'product', key, nth from unnest($1::text[]) with ordinality as changed (key, nth)`,
    [keys],
  );
  const changes = (await outbox.claim(keys.length)).map((each) => ({
    ...each,
    queued_ms: 0,
    applied_ms: 0,
    appliedTo: shardOf(each.key).incarnation,
  }));
  const acknowledged = await outbox.acknowledge(changes, cache.incarnation ?? '', { mapAge: cache.mapAge });
  expect(acknowledged).toMatchObject({ accepted: true, acknowledged: keys.length });
}

/** The shards have new servers, and a worker has registered them. */
async function failOver(...names: Name[]): Promise<void> {
  for (const name of names) shards[name].incarnation = `${name}2`;
  cache = { incarnation: 'map 2', mapAge: 2 };
  await register();
}

const settled = async () => (await outbox.look('any')).settled.toSorted();
const isSettled = (...phases: string[]) =>
  eventually(async () => (await settled()).join() === phases.map((phase) => `phase of ${phase}`).join());
const isReplaying = async () =>
  (await owner.query<{ is: boolean }>('select is_replaying as is from catalog.cache_incarnation')).rows[0]
    ?.is;
const appliedTo = async () =>
  (await owner.query<{ to: string }>('select applied_to as to from catalog.outbox order by key')).rows.map(
    ({ to }) => to,
  );

test('the changes of a shard that fails over are applied to its new server, which is settled after the lists have ended', async () => {
  await change('a', 'a in use', 'b');
  await failOver('a');
  start();
  await isSettled('a2', 'b1');
  expect(steps).toEqual([
    'applied: a,a in use',
    'to refresh: a in use',
    'replayed: 2',
    'lists end in map 2, settled: phase of b1',
  ]);
  expect(await appliedTo()).toEqual(['a2', 'a2', 'b1']);
  expect(await isReplaying()).toBe(false);
  expect(errors).toEqual([]);
});

test('the pass that settles a shard follows the one that has replayed its changes without a pause', async () => {
  await change('a');
  await failOver('a');
  const waits = vi.spyOn(globalThis, 'setTimeout');
  start();
  await isSettled('a2', 'b1');
  expect(waits.mock.calls.map(([, time_ms]) => time_ms)).not.toContain(1_000);
  waits.mockRestore();
});

test('a shard without changes is settled at once, also while a pass finds some for another', async () => {
  await change('a');
  await failOver('a', 'b');
  const settledWhenListsEnd: string[] = [];
  endLists = async () => void settledWhenListsEnd.push((await settled()).join());
  start();
  await isSettled('a2', 'b2');
  expect(settledWhenListsEnd).toEqual(['', 'phase of b2']);
  await eventually(async () => (await isReplaying()) === false);
});

test('a shard that is away is settled when it is back and has taken its changes', async () => {
  await change('a', 'b');
  await failOver('a', 'b');
  shards.b.isThere = false;
  start();
  await isSettled('a2');
  expect(await appliedTo()).toEqual(['a2', 'b1']);
  expect(await isReplaying()).toBe(true);
  shards.b.isThere = true;
  wake();
  await isSettled('a2', 'b2');
  expect(await appliedTo()).toEqual(['a2', 'b2']);
  expect(await isReplaying()).toBe(false);
});

test('a shard that refuses its changes because it is on its way is not settled, and its changes are not set aside', async () => {
  await change('a', 'b');
  await failOver('a', 'b');
  refusals.set('b', new ShardAway());
  start();
  await isSettled('a2');
  expect(await new SetAsideKeys(pool).summary(1)).toMatchObject({ count: 0, away: 0 });
  expect(await appliedTo()).toEqual(['a2', 'b1']);
  refusals.clear();
  wake();
  await isSettled('a2', 'b2');
  expect(await appliedTo()).toEqual(['a2', 'b2']);
});

test('the replay is not over while a change is left for a shard that is settled', async () => {
  await change('a', 'b');
  await owner.query(`update catalog.outbox set applied_to = 'a1'`);
  await failOver('a');
  refusals.set('b', new ShardAway());
  start();
  await isSettled('a2', 'b1');
  expect(await appliedTo()).toEqual(['a2', 'a1']);
  expect(await isReplaying()).toBe(true);
});

test('a key that Redis refuses is set aside, and its shard is settled', async () => {
  await change('a', 'a forbidden');
  await failOver('a');
  refusals.set('a forbidden', new Error('NOPERM: no permission to access a key'));
  start();
  await isSettled('a2', 'b1');
  expect(await appliedTo()).toEqual(['a2', 'set aside']);
  expect(await outbox.look('map 2')).toMatchObject({ setAside: { keys: ['product:a forbidden'] } });
});

test('an error that concerns all keys is reported, counts nothing, and the pass is made again', async () => {
  await change('a', 'a refused');
  await failOver('a');
  const failure = new Error('OOM command not allowed');
  refusals.set('a refused', failure);
  start();
  await eventually(() => errors.length > 0);
  expect(errors).toEqual([failure]);
  expect([await appliedTo(), await settled()]).toEqual([['a1', 'a1'], ['phase of b1']]);
  refusals.clear();
  wake();
  await isSettled('a2', 'b1');
  expect(await appliedTo()).toEqual(['a2', 'a2']);
});

test('a shard that has another server again when the lists have ended is not settled', async () => {
  await failOver('a');
  endLists = async () => {
    shards.a.incarnation = 'a3';
    cache = { incarnation: 'map 3', mapAge: 3 };
  };
  start();
  await eventually(() => steps.length > 0);
  await running?.stop();
  expect(await settled()).toEqual(['phase of b1']);
});

test('changes that a newer map sends elsewhere do not count before it is registered', async () => {
  await change('a');
  await failOver('a');
  onInvalidate = () => {
    shards.a.incarnation = 'a3';
    cache = { incarnation: 'map 3', mapAge: 3 };
  };
  start();
  await eventually(() => steps.includes('replayed: 1'));
  await running?.stop();
  expect([await appliedTo(), await settled()]).toEqual([['a1'], ['phase of b1']]);
  await register();
  start();
  await isSettled('a3', 'b1');
  expect(await appliedTo()).toEqual(['a3']);
});

test('they do not count either if the newer map sends them to a server that is registered', async () => {
  await change('a');
  await failOver('a');
  onInvalidate = () => {
    shards.a.incarnation = shards.b.incarnation;
    cache = { incarnation: 'map 3', mapAge: 3 };
  };
  start();
  await eventually(() => steps.includes('replayed: 1'));
  await running?.stop();
  expect(await appliedTo()).toEqual(['a1']);
});

test('nothing is replayed before the worker has registered, and a registration begins the replay', async () => {
  await change('a');
  await failOver('a');
  let asked = 0;
  isRegistered = () => {
    asked += 1;
    return false;
  };
  start();
  await nextTurn();
  expect(asked).toBe(1);
  wake();
  await nextTurn();
  expect([asked, steps]).toEqual([2, []]);
  isRegistered = () => true;
  wake();
  await isSettled('a2', 'b1');
});

test('while the last look has found all shards settled, Postgres is not asked again', async () => {
  settledByLook = new Set(['phase of a1', 'phase of b1']);
  const query = vi.spyOn(pool, 'query');
  let asked = 0;
  isRegistered = () => {
    asked += 1;
    return true;
  };
  start();
  await nextTurn();
  wake();
  await eventually(() => asked > 1);
  await running?.stop();
  expect(query).not.toHaveBeenCalled();
  query.mockRestore();
});

test('a replay that is told to stop begins no further step, and settles nothing', async () => {
  await change(...Array.from({ length: feedLimits.replayChanges + 1 }, (_, n) => `a${n}`));
  await failOver('a', 'b');
  onInvalidate = () => void running?.stop();
  start();
  await running?.ended;
  expect((await appliedTo()).filter((to) => to === 'a2')).toHaveLength(feedLimits.replayChanges);
  expect(await settled()).toEqual([]);
});
