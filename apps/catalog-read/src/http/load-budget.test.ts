import type { Answer, ListPage } from '@catalog/cache';
import { expect, test } from 'vitest';
import { LoadBudget, searchLimits } from './load-budget.ts';

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
  expect(() => budget.require('a', 100)).toThrow(/counts as 5/);
  clock.now_ms += 100;
  budget.require('a', 100);
});

test('many keys are paid before they are read, so a caller cannot have more in flight than it has points', async () => {
  const { budget } = budgetOf(100);
  const reading = Promise.withResolvers<Answer[]>();
  const first = budget.many('a', 60, () => reading.promise);
  await expect(budget.many('a', 60, () => reading.promise)).rejects.toMatchObject(refused);
  reading.resolve([answer('near')]);
  await first;
  budget.require('a', 100);
});

test('a page costs as much as several keys, and one caller cannot take all places of lists', async () => {
  const { budget } = budgetOf(1_000);
  const reading = Promise.withResolvers<ListPage>();
  const running = Array.from({ length: searchLimits.simultaneousOfOne }, () =>
    budget.search('a', () => reading.promise),
  );
  await expect(budget.search('a', () => reading.promise)).rejects.toMatchObject(refused);
  expect(await budget.search('b', async () => page('redis'))).toMatchObject({ source: 'redis' });
  reading.resolve(page('stored'));
  await Promise.all(running);
  budget.require('a', 1_000 - 10 * searchLimits.simultaneousOfOne);
  expect(() => budget.require('a', 1_001 - 10 * searchLimits.simultaneousOfOne)).toThrow();
  await budget.search('a', async () => page('redis'));
});
