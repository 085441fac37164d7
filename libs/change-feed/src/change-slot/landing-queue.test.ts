import { expect, test } from 'vitest';
import { LandingQueue } from './landing-queue.ts';

const change = (key: string) => ({ entity: 'product', key, version: 1, transaction: 1, committedAt_ms: 0 });
const milestone = (position: number) => ({ position, writtenAt_s: 0 });
const keysOf = (changes: readonly { readonly key: string }[]) => changes.map(({ key }) => key).join('');

test('a milestone is reached with the last change before it', () => {
  const queue = new LandingQueue();
  queue.addMilestone(milestone(1));
  for (const key of ['a', 'b', 'c']) queue.addChange(change(key));
  queue.addMilestone(milestone(2));
  queue.addChange(change('d'));
  queue.addMilestone(milestone(3));
  const landings = [2, 1, 0, 9].map((limit) => queue.take(limit));
  expect(landings.map(({ changes, milestone: reached }) => [keysOf(changes), reached?.position])).toEqual([
    ['ab', 1],
    ['c', 2],
    ['', undefined],
    ['d', 3],
  ]);
  expect(queue.isEmpty).toBe(true);
});

test('a milestone without changes before it is reached at once', () => {
  const queue = new LandingQueue();
  queue.addMilestone(milestone(7));
  queue.addMilestone(milestone(8));
  expect(queue.isEmpty).toBe(false);
  expect(queue.take(5)).toEqual({ changes: [], milestone: milestone(8) });
  expect(queue.isEmpty).toBe(true);
});
