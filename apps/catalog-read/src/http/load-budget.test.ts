import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Answer, ListPage } from '@catalog/cache';
import { expect, test } from 'vitest';
import { LoadBudget, loadCosts, placesPerCaller } from './load-budget.ts';

const answer = (source: Answer['source'], text: string | null = '{}') => ({ source, text }) as Answer;
const page = (source: ListPage['source']): ListPage => ({ payload: Buffer.from('{}'), source, age_ms: 0 });
const refused = { code: 'rate_limited' };

function budgetOf(perSecond: number) {
  const clock = { now_ms: 0 };
  return { clock, budget: new LoadBudget(perSecond, () => clock.now_ms) };
}

test('a caller pays for each key that is loaded, and earns its points again', async () => {
  const { budget, clock } = budgetOf(100);
  const read = (source: Answer['source']) => async () => Array.from({ length: 100 }, () => answer(source));
  for (let n = 0; n < 50; n++) await budget.many('a', Infinity, 100, read('redis'));
  await budget.many('a', Infinity, 100, read('stored'));
  await expect(budget.many('a', Infinity, 100, read('stored'))).rejects.toMatchObject(refused);
  expect((await budget.many('b', Infinity, 100, read('stored'))).length).toBe(100);
  clock.now_ms += 999;
  await expect(budget.many('a', Infinity, 100, read('stored'))).rejects.toMatchObject(refused);
  clock.now_ms += 1;
  expect((await budget.many('a', Infinity, 100, read('stored'))).length).toBe(100);
});

test('keys that do not exist cost more', async () => {
  const { budget, clock } = budgetOf(100);
  const absent = async () => Array.from({ length: 100 }, () => answer('stored', null));
  await budget.many('a', Infinity, 100, absent);
  clock.now_ms += 4_900;
  await expect(budget.many('a', Infinity, 100, absent)).rejects.toThrow(/counts as 5/);
  clock.now_ms += 100;
  await budget.many('a', Infinity, 100, absent);
});

test('a read is paid before, so a caller cannot have more in flight than it has points', async () => {
  const { budget } = budgetOf(100);
  const reading = Promise.withResolvers<Answer[]>();
  const many = budget.many('a', Infinity, 60, () => reading.promise);
  const single = async () => (await reading.promise)[0] as Answer;
  const singles = Array.from({ length: 40 }, () => budget.one('a', single));
  await expect(budget.many('a', Infinity, 60, () => reading.promise)).rejects.toMatchObject(refused);
  await expect(budget.one('a', single)).rejects.toMatchObject(refused);
  reading.resolve([answer('redis')]);
  await Promise.all([many, ...singles]);
  // Nothing had to be loaded.
  await budget.many('a', Infinity, 100, async () => []);
});

test('an answer of Redis outside of a read costs as much as inside one, and the budget says which caller has no points', async () => {
  const { budget } = budgetOf(20);
  const large = 'x'.repeat(10 * loadCosts.bytesOfPoint);
  budget.pay('a', answer('redis'));
  budget.pay('a', answer('redis', large));
  expect(budget.hasPoints('a')).toBe(true);
  budget.pay('a', answer('redis', large));
  expect([budget.hasPoints('a'), budget.hasPoints('b')]).toEqual([false, true]);
  await expect(budget.one('a', async () => answer('redis'))).rejects.toMatchObject(refused);
});

test('a large product and a large page cost more by their size, wherever they come from, except a few from the near cache', async () => {
  const { budget } = budgetOf(1_000);
  const large = 'x'.repeat(10 * loadCosts.bytesOfPoint);
  const read = (source: Answer['source'], count: number) => () =>
    Promise.resolve(Array.from({ length: count }, () => answer(source, large)));
  const left = async (points: number) => {
    await expect(budget.many('a', Infinity, points + 1, async () => [])).rejects.toMatchObject(refused);
    await budget.many('a', Infinity, points, async () => []);
  };
  await budget.many('a', Infinity, 5, read('near', 5));
  await budget.many('a', Infinity, 20, read('redis', 20));
  await left(800);
  await budget.many('a', Infinity, 20, read('stored', 20));
  await left(580);
  await budget.one('a', async () => answer('redis', large));
  await left(570);
  await budget.search('a', Infinity, async () => ({ ...page('redis'), payload: Buffer.from(large) }));
  await left(560);
});

/** Costs a hundred points. */
const large = 100 * loadCosts.bytesOfPoint;

test('many products of the near cache cost nothing, unless they are large together', () => {
  const { budget } = budgetOf(100);
  const near = (bytes: number) => [answer('near', 'x'.repeat(bytes)), answer('near', null)];
  for (let n = 0; n < 1_000; n++) budget.payForNear('a', near(loadCosts.freeBytes));
  budget.payForNear('a', near(large));
  expect(() => budget.payForNear('a', near(large))).toThrow(/Large answers/);
  budget.payForNear('a', near(loadCosts.freeBytes));
  budget.payForNear('b', near(large));
});

test('a large product of the near cache costs as much beside one that has to be loaded', async () => {
  const { budget } = budgetOf(100);
  const answers = async () => [answer('near', 'x'.repeat(large)), answer('stored')];
  await budget.many('a', Infinity, 2, answers);
  await expect(budget.many('a', Infinity, 2, answers)).rejects.toMatchObject(refused);
});

test('a page that Postgres takes long for costs more', async () => {
  const { budget, clock } = budgetOf(1_000);
  const search = (took_ms: number) =>
    budget.search('a', Infinity, (load) =>
      load(async () => {
        clock.now_ms += took_ms;
        return page('stored');
      }),
    );
  await search(10);
  await search(210);
  await expect(search(1)).rejects.toMatchObject(refused);
  clock.now_ms += 1_100;
  await search(1);
});

/** A read of each kind for a caller, and how many places the kind has. */
const kinds: Record<string, [places: number, waiting: number, points: number, read: Read]> = {
  'a read of many keys': [
    placesPerCaller.batches,
    placesPerCaller.waiting,
    1,
    (budget, caller, work) =>
      budget.many(caller, Infinity, 1, async () => {
        await work();
        return [answer('stored')];
      }),
  ],
  'a read of a key that Redis cannot answer': [
    placesPerCaller.keys,
    placesPerCaller.waitingKeys,
    1,
    (budget, caller, work) =>
      budget.one(caller, async (inTurn) => {
        await inTurn(work, Infinity);
        return answer('stored');
      }),
  ],
  'a query that no other read shares': [
    placesPerCaller.queries,
    placesPerCaller.waiting,
    1,
    (budget, caller, work) => budget.query(caller, Infinity, work),
  ],
  'a page of changes': [
    placesPerCaller.changes,
    placesPerCaller.waiting,
    10,
    (budget, caller, work) => budget.changes(caller, work),
  ],
  'a page of a list': [
    placesPerCaller.pages,
    placesPerCaller.waiting,
    10,
    (budget, caller, work) =>
      budget.search(caller, Infinity, async () => {
        await work();
        return page('stored');
      }),
  ],
};
type Read = (budget: LoadBudget, caller: string, work: () => Promise<void>) => Promise<unknown>;

test.each(Object.keys(kinds))('one caller cannot use all places and pays for each read: %s', async (kind) => {
  const [places, waiting, points, read] = kinds[kind] as (typeof kinds)[string];
  const all = places + waiting;
  const { budget } = budgetOf(points * all + points);
  const { promise: reading, resolve } = Promise.withResolvers<void>();
  let running = 0;
  const work = () => {
    running += 1;
    return reading;
  };
  const reads = Array.from({ length: all }, () => read(budget, 'a', work));
  await nextTurn();
  expect(running).toBe(places);
  await expect(read(budget, 'a', work)).rejects.toMatchObject(refused);
  await read(budget, 'b', async () => undefined);
  resolve();
  await Promise.all(reads);
  expect(running).toBe(all);
  await expect(budget.many('a', Infinity, points + 1, async () => [])).rejects.toMatchObject(refused);
});

test('a read that Redis answers needs no place', async () => {
  const { budget } = budgetOf(10_000);
  const { promise: reading, resolve } = Promise.withResolvers<Answer>();
  const reads = Array.from({ length: placesPerCaller.keys + placesPerCaller.waitingKeys + 1 }, () =>
    budget.one('a', () => reading),
  );
  resolve(answer('redis'));
  expect(await Promise.all(reads)).toHaveLength(reads.length);
});

test('a page costs as much as several keys', async () => {
  const { budget } = budgetOf(100);
  await budget.search('a', Infinity, async () => page('stored'));
  await expect(budget.many('a', Infinity, 91, async () => [])).rejects.toMatchObject(refused);
  await budget.many('a', Infinity, 90, async () => []);
});
