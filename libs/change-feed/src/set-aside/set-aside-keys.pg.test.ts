import type { Change } from '@catalog/contracts';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { feedDatabase } from '../testing/feed-database.ts';
import { type KeyToRetry, SetAsideKeys } from './set-aside-keys.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, insertChanges } = feed;
const setAside = new SetAsideKeys(pool);
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation, catalog.set_aside_keys');
  await registered.register('first');
});

/** Keys as Redis refuses them: each with a change in the outbox. */
async function refused(...versions: readonly (readonly [cacheKey: string, version: number])[]) {
  const parts = versions.map(([cacheKey]) => cacheKey.split(':'));
  await owner.query(
    'insert into catalog.outbox (entity, key, version) select * from unnest($1::text[], $2::text[], $3::bigint[])',
    [parts.map(([entity]) => entity), parts.map(([, key]) => key), versions.map(([, version]) => version)],
  );
  return (await outbox.claim(100)).map((row) => key(row, [row]));
}

const key = ({ entity, key }: Pick<Change, 'entity' | 'key'>, rows: readonly Change[]) => ({
  cacheKey: `${entity}:${key}`,
  entity,
  key,
  reason: 'NOPERM',
  rows,
});
const p1 = { entity: 'product', key: 'p1' };

/** Redis has invalidated the keys. */
const release = (taken: readonly KeyToRetry[], incarnation = 'first') =>
  setAside.release(
    taken.map((each) => ({ ...each, incarnation })),
    incarnation,
  );

test('the changes of a key that is set aside wait no more, and a look names the key', async () => {
  await insertChanges(2);
  const rows = await outbox.claim(10);
  expect(await setAside.add([key(p1, rows.slice(0, 1))], 'first')).toBe(true);
  const look = await outbox.look('first');
  expect(look.oldest).toBe(rows[1]?.transaction);
  expect(look.setAside).toEqual({ keys: ['product:p1'], entities: [] });
  expect(await setAside.summary(5)).toEqual({ count: 1, away: 0, keys: ['product:p1'], reason: 'NOPERM' });
});

test('a worker of another incarnation sets nothing aside', async () => {
  expect(await setAside.add(await refused(['product:p1', 1]), 'second')).toBe(false);
  expect(await feed.unapplied()).toBe(1);
  expect((await setAside.summary(5)).count).toBe(0);
});

test('an entity with many refused keys is set aside as a whole', async () => {
  const skus = Array.from({ length: 30 }, (_, index) => [`sku:${index}`, 1] as const);
  await setAside.add(await refused(...skus, ['product:p1', 1]), 'first');
  expect((await outbox.look('first')).setAside).toEqual({ keys: ['product:p1'], entities: ['sku'] });
});

test('a key is tried again after a pause, with the highest refused version', async () => {
  await setAside.add(await refused(['product:p1', 5]), 'first');
  await setAside.add(await refused(['product:p1', 4]), 'first');
  expect(await setAside.takeForRetry(60_000, 10)).toEqual([]);
  expect(await setAside.takeForRetry(0, 10)).toMatchObject([
    { cacheKey: 'product:p1', version: 5, changes: 2 },
  ]);
});

test('a key is not released when another change of it was refused during the attempt', async () => {
  await setAside.add(await refused(['product:p1', 1]), 'first');
  const taken = await setAside.takeForRetry(0, 10);
  await setAside.add(await refused(['product:p1', 2]), 'first');
  expect(await release(taken)).toBe(0);
  expect((await setAside.summary(5)).count).toBe(1);
  expect(await release(await setAside.takeForRetry(0, 10))).toBe(1);
  expect((await setAside.summary(5)).count).toBe(0);
});

test('a key is not released by an invalidation on a former server, nor with a newer map of slots than the registered one', async () => {
  await registered.register('map 2', ['a1', 'b2'], 2);
  await setAside.add(await refused(['product:p1', 1]), 'map 2');
  const [taken] = await setAside.takeForRetry(0, 10);
  if (taken === undefined) throw new Error('the key was not taken');
  expect(await setAside.release([{ ...taken, incarnation: 'b1' }], 'map 1', 1)).toBe(0);
  expect(await setAside.release([{ ...taken, incarnation: 'b2' }], 'map 3', 3)).toBe(0);
  expect(await setAside.release([{ ...taken, incarnation: 'b2' }], 'map 1', 1)).toBe(1);
});

test('a worker of the same shards sets keys aside, whatever map of slots is registered', async () => {
  await registered.register('map 2', ['a1', 'b1'], 2);
  const keys = await refused(['product:p1', 1]);
  expect(await setAside.add(keys, 'map 1', ['a2', 'b2'])).toBe(false);
  expect(await setAside.add(keys, 'map 1', ['a1', 'b2'], ['b2'])).toBe(false);
  expect(await setAside.add(keys, 'map 1', ['a1', 'b2'])).toBe(true);
  expect((await setAside.summary(5)).keys).toEqual(['product:p1']);
});

test('a look names the slots of keys whose shard is away, and not the keys', async () => {
  const [one, two] = await refused(['product:p1', 1], ['product:p2', 2]);
  if (one === undefined || two === undefined) throw new Error('the changes were not claimed');
  await setAside.add(
    [
      { ...one, slot: 7 },
      { ...two, slot: 16_383 },
    ],
    'first',
  );
  const list = { cacheKey: 'generation:products', list: 'products', slot: 7, reason: 'away' };
  expect(await setAside.addList(list, 'first')).toBe(true);
  expect(await setAside.addList(list, 'second')).toBe(false);
  const look = await outbox.look('first');
  expect(look).toMatchObject({ oldest: null, setAside: { keys: [], entities: [] } });
  expect(look.slotsAway.toSorted((a, b) => a - b)).toEqual([7, 16_383]);
  expect(await setAside.summary(5)).toMatchObject({ count: 0, away: 3, keys: [] });

  expect(await setAside.takeForRetry(60_000, 10)).toEqual([]);
  const taken = await setAside.takeForRetry(60_000, 10, [7]);
  expect(new Map(taken.map(({ cacheKey, wasAway }) => [cacheKey, wasAway]))).toEqual(
    new Map([
      ['product:p1', true],
      ['generation:products', true],
    ]),
  );
  await release(taken);
  expect((await outbox.look('first')).slotsAway).toEqual([16_383]);
  await setAside.noteRefused([{ cacheKey: 'product:p2', reason: 'NOPERM' }]);
  expect(await outbox.look('first')).toMatchObject({ slotsAway: [], setAside: { keys: ['product:p2'] } });
});

test('a key that was refused stays named while its shard is away', async () => {
  await setAside.add(await refused(['product:p1', 1]), 'first');
  const [again] = await refused(['product:p1', 2]);
  if (again !== undefined) await setAside.add([{ ...again, slot: 7 }], 'first');
  expect(await outbox.look('first')).toMatchObject({ slotsAway: [], setAside: { keys: ['product:p1'] } });
});

test('a job that was made up or edited sets no key aside, and no change of another key', async () => {
  const [honest] = await refused(['product:p1', 5]);
  const [row] = honest?.rows ?? [];
  if (row === undefined) throw new Error('the change was not claimed');
  const forged: readonly Partial<Change>[] = [
    { key: 'p2' },
    { entity: 'sku' },
    { version: 6 },
    { seq: row.seq + 1 },
    { transaction: row.transaction + 1 },
  ];
  for (const edit of forged) {
    const edited = { ...row, ...edit };
    expect(await setAside.add([key(edited, [edited]), key(p1, [])], 'first')).toBe(true);
    expect([await feed.unapplied(), (await setAside.summary(5)).count]).toEqual([1, 0]);
  }
  // A made-up change next to a real one does not raise the version.
  const raised = { ...row, seq: row.seq + 1, version: 9_000 };
  await setAside.add([key(p1, [row, raised])], 'first');
  expect(await setAside.takeForRetry(0, 10)).toMatchObject([
    { cacheKey: 'product:p1', version: 5, changes: 1 },
  ]);
});
