import { expect, test } from 'vitest';
import { MonotonicReads } from './monotonic-reads.ts';

test('a version below a served one is overtaken, and is never permitted', () => {
  const reads = new MonotonicReads();
  reads.note('a', 7);
  reads.note('a', 5);
  expect(reads.isOvertaken('a', 6)).toBe(true);
  expect(reads.isOvertaken('a', 7)).toBe(false);
  expect(reads.permits('a', 6)).toBe(false);
  expect(reads.permits('a', 7)).toBe(true);
  expect(reads.isOvertaken('b', 1)).toBe(false);
});

test('the key that was not served for longest is forgotten, not the one that is served all the time', () => {
  const reads = new MonotonicReads(1);
  reads.note('busy', 1);
  reads.note('idle', 9);
  reads.note('busy', 2);
  reads.note('new', 3);
  expect(reads.isOvertaken('busy', 1)).toBe(true);
  expect(reads.isOvertaken('idle', 8)).toBe(false);
});

test('a version served while the incarnation was unknown still counts if it was of that incarnation', () => {
  const reads = new MonotonicReads();
  reads.noteUnproved('same', 7, 'ours');
  reads.noteUnproved('other', 7, 'theirs');
  expect([reads.isOvertaken('same', 6), reads.permits('other', 6)]).toEqual([true, false]);
  reads.prove('ours');
  expect([reads.isOvertaken('same', 6), reads.isOvertaken('other', 6)]).toEqual([true, false]);
});

test('a copy of unknown age must not be below the highest version that was forgotten', () => {
  const reads = new MonotonicReads(1);
  reads.note('a', 7);
  reads.note('b', 3);
  reads.note('c', 3);
  expect(reads.permits('a', 6)).toBe(false);
  expect(reads.permits('never served', 6)).toBe(false);
  expect(reads.permits('never served', 7)).toBe(true);
});

test('of many keys a new one costs no more than a known one', () => {
  const limit = 50_000;
  const keys = (from: number) => Array.from({ length: limit }, (_, n) => `products:${from + n}`);
  const timeOf = (noted: readonly string[], reads: MonotonicReads) => {
    const began_ms = performance.now();
    for (const key of noted) reads.note(key, 1);
    return performance.now() - began_ms;
  };
  const reads = new MonotonicReads(limit);
  // Compiles the code, and fills all that is remembered.
  for (let round = 0; round < 3; round++) timeOf(keys(round * limit), reads);
  const known = keys(2 * limit);
  const known_ms = Math.min(...[1, 2, 3].map(() => timeOf(known, reads)));
  const new_ms = Math.min(...[3, 4, 5].map((round) => timeOf(keys(round * limit), reads)));
  expect(new_ms).toBeLessThan(20 * known_ms + 20);
});
