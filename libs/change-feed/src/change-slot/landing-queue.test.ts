import { expect, test } from 'vitest';
import { LandingQueue } from './landing-queue.ts';

const change = (key: string) => ({ entity: 'product', key, version: 1, transaction: 1, committedAt_ms: 0 });
const mark = (position: number) => ({ position, writtenAt_s: 0 });
const keysOf = (changes: readonly { readonly key: string }[]) => changes.map(({ key }) => key).join('');

test('a mark is reached with the last change before it', () => {
  const queue = new LandingQueue();
  queue.addMark(mark(1));
  for (const key of ['a', 'b', 'c']) queue.addChange(change(key));
  queue.addMark(mark(2));
  queue.addChange(change('d'));
  queue.addMark(mark(3));
  const landings = [2, 1, 0, 9].map((limit) => queue.take(limit));
  expect(landings.map(({ changes, mark: reached }) => [keysOf(changes), reached?.position])).toEqual([
    ['ab', 1],
    ['c', 2],
    ['', undefined],
    ['d', 3],
  ]);
  expect(queue.isEmpty).toBe(true);
});

test('a mark behind which nothing waits is reached alone', () => {
  const queue = new LandingQueue();
  queue.addMark(mark(7));
  queue.addMark(mark(8));
  expect(queue.isEmpty).toBe(false);
  expect(queue.take(5)).toEqual({ changes: [], mark: mark(8) });
  expect(queue.isEmpty).toBe(true);
});
