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
  const reads = new MonotonicReads(2);
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
  expect(reads.permits('a', 6)).toBe(false);
  expect(reads.permits('never served', 6)).toBe(false);
  expect(reads.permits('never served', 7)).toBe(true);
});
