import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CountingFilter } from './counting-filter.ts';

const hashes = fc.array(fc.integer());

test('it has what was added and not removed, and nothing once all is removed', () => {
  fc.assert(
    fc.property(hashes, hashes, (kept, removed) => {
      const filter = new CountingFilter(kept.length + removed.length + 1);
      for (const hash of [...removed, ...kept]) filter.add(hash);
      for (const hash of removed) filter.remove(hash);
      expect(kept.every((hash) => filter.mayHave(hash))).toBe(true);
      for (const hash of kept) filter.remove(hash);
      expect([...kept, ...removed].some((hash) => filter.mayHave(hash))).toBe(false);
    }),
  );
});

test('a place that holds more than it can count stays', () => {
  const filter = new CountingFilter(1);
  for (let count = 0; count < 256; count++) filter.add(7);
  expect(filter.mayHave(7)).toBe(true);
  for (let count = 0; count < 255; count++) filter.remove(7);
  expect(filter.mayHave(7)).toBe(true);
});

test('it is wrong about an eighth of the other numbers at most', () => {
  const filter = new CountingFilter(1_000);
  const spread = (index: number) => Math.imul(index, 0x9e3779b1);
  for (let index = 0; index < 1_000; index++) filter.add(spread(index));
  const wrong = Array.from({ length: 8_000 }, (_, index) => filter.mayHave(spread(1_000 + index)));
  expect(wrong.filter(Boolean).length).toBeLessThan(1_000);
});
