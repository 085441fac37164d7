import type { Answer, ListPage } from '@catalog/cache';
import { expect, test } from 'vitest';
import { LoadBudget, placesOfOne } from './load-budget.ts';

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
  for (let n = 0; n < 50; n++) await budget.many('a', 100, read('redis'));
  await budget.many('a', 100, read('stored'));
  await expect(budget.many('a', 100, read('stored'))).rejects.toMatchObject(refused);
  expect((await budget.many('b', 100, read('stored'))).length).toBe(100);
  clock.now_ms += 999;
  await expect(budget.many('a', 100, read('stored'))).rejects.toMatchObject(refused);
  clock.now_ms += 1;
  expect((await budget.many('a', 100, read('stored'))).length).toBe(100);
});

test('keys that do not exist cost more', async () => {
  const { budget, clock } = budgetOf(100);
  const absent = async () => Array.from({ length: 100 }, () => answer('stored', null));
  await budget.many('a', 100, absent);
  clock.now_ms += 4_900;
  await expect(budget.many('a', 100, absent)).rejects.toThrow(/counts as 5/);
  clock.now_ms += 100;
  await budget.many('a', 100, absent);
});

test('a read is paid before, so a caller cannot have more in flight than it has points', async () => {
  const { budget } = budgetOf(100);
  const reading = Promise.withResolvers<Answer[]>();
  const many = budget.many('a', 60, () => reading.promise);
  const single = async () => (await reading.promise)[0] as Answer;
  const singles = Array.from({ length: 40 }, () => budget.one('a', single));
  await expect(budget.many('a', 60, () => reading.promise)).rejects.toMatchObject(refused);
  await expect(budget.one('a', single)).rejects.toMatchObject(refused);
  reading.resolve([answer('redis')]);
  await Promise.all([many, ...singles]);
  // Nothing had to be loaded.
  await budget.many('a', 100, async () => []);
});

test('a page that Postgres takes long for costs more', async () => {
  const { budget, clock } = budgetOf(1_000);
  const search = (took_ms: number) =>
    budget.search('a', (load) =>
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

test('one caller cannot take all places of the loads of keys', async () => {
  const { batches: most, waiting } = placesOfOne;
  const { budget } = budgetOf(10_000);
  const reading = Promise.withResolvers<Answer[]>();
  let running = 0;
  const read = () => {
    running += 1;
    return reading.promise;
  };
  const all = Array.from({ length: most + waiting }, () => budget.many('a', 1, read));
  expect(running).toBe(most);
  await expect(budget.many('a', 1, read)).rejects.toMatchObject(refused);
  expect(await budget.many('b', 1, async () => [answer('redis')])).toHaveLength(1);
  reading.resolve([]);
  await Promise.all(all);
  expect(running).toBe(most + waiting);
});

test('a page costs as much as several keys, and one caller cannot take all places of lists', async () => {
  const { pages: most, waiting } = placesOfOne;
  const { budget } = budgetOf(10_000);
  const reading = Promise.withResolvers<ListPage>();
  let running = 0;
  const read = () => {
    running += 1;
    return reading.promise;
  };
  const all = Array.from({ length: most + waiting }, () => budget.search('a', read));
  expect(running).toBe(most);
  await expect(budget.search('a', read)).rejects.toMatchObject(refused);
  expect(await budget.search('b', async () => page('redis'))).toMatchObject({ source: 'redis' });
  reading.resolve(page('stored'));
  await Promise.all(all);
  expect(running).toBe(most + waiting);
  const left = 10_000 - 10 * (most + waiting);
  await expect(budget.many('a', left + 1, async () => [])).rejects.toMatchObject(refused);
  await budget.many('a', left, async () => []);
});
