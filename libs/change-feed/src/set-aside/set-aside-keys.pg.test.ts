import type { Change } from '@catalog/contracts';
import { afterAll, beforeEach, expect, test } from 'vitest';
import { feedDatabase } from '../testing/feed-database.ts';
import { SetAsideKeys } from './set-aside-keys.ts';

const feed = await feedDatabase();
const { owner, pool, outbox, registered, insertChanges } = feed;
const setAside = new SetAsideKeys(pool);
afterAll(() => feed[Symbol.asyncDispose]());

beforeEach(async () => {
  await owner.query('truncate catalog.outbox, catalog.cache_incarnation, catalog.set_aside_keys');
  await registered.register('first');
});

const key = (cacheKey: string, rows: Change[] = [], version = 5) => ({
  cacheKey,
  entity: cacheKey.split(':')[0] ?? '',
  version,
  reason: 'NOPERM',
  rows,
});

test('the changes of a key that is set aside wait no more, and a look names the key', async () => {
  await insertChanges(2);
  const rows = await outbox.claim(10);
  expect(await setAside.add([key('product:p1', rows.slice(0, 1))], 'first')).toBe(true);
  const look = await outbox.look('first');
  expect(look.oldest).toBe(rows[1]?.transaction);
  expect(look.setAside).toEqual({ keys: ['product:p1'], entities: [] });
  expect(await setAside.summary(5)).toEqual({ count: 1, keys: ['product:p1'], reason: 'NOPERM' });
});

test('a worker of another incarnation sets nothing aside', async () => {
  await insertChanges(1);
  expect(await setAside.add([key('product:p1', await outbox.claim(10))], 'second')).toBe(false);
  expect(await feed.unapplied()).toBe(1);
  expect((await setAside.summary(5)).count).toBe(0);
});

test('an entity with many refused keys is set aside as a whole', async () => {
  await setAside.add(
    Array.from({ length: 30 }, (_, index) => key(`sku:${index}`)).concat(key('product:p1')),
    'first',
  );
  expect((await outbox.look('first')).setAside).toEqual({ keys: ['product:p1'], entities: ['sku'] });
});

test('a key is tried again after a pause, with the highest refused version', async () => {
  await setAside.add([key('product:p1', [], 5)], 'first');
  await setAside.add([key('product:p1', [], 4)], 'first');
  expect(await setAside.takeForRetry(60_000, 10)).toEqual([]);
  expect(await setAside.takeForRetry(0, 10)).toEqual([{ cacheKey: 'product:p1', version: 5, changes: 2 }]);
});

test('a key is not released when another change of it was refused during the attempt', async () => {
  await setAside.add([key('product:p1')], 'first');
  const taken = await setAside.takeForRetry(0, 10);
  await setAside.add([key('product:p1')], 'first');
  await setAside.release(taken);
  expect((await setAside.summary(5)).count).toBe(1);
  await setAside.release(await setAside.takeForRetry(0, 10));
  expect((await setAside.summary(5)).count).toBe(0);
});

test('a new incarnation tries the changes again that were set aside', async () => {
  await insertChanges(1);
  await setAside.add([key('product:p1', await outbox.claim(10))], 'first');
  expect(await registered.register('second')).toBe(1);
  expect(await outbox.claim(10)).toHaveLength(1);
});
