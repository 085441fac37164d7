import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecentKeys } from './recent-keys.ts';

const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const step = fc.record({ key, value: fc.nat({ max: 9 }), isDeleted: fc.boolean() });

/** What two such objects hold and have forgotten must be equal after each step. */
test('merge does the same as get and set', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 4 }), (steps, limit) => {
      const forgotten: Record<'merged' | 'set', [string, number][]> = { merged: [], set: [] };
      const merged = new RecentKeys<number>(limit, (...entry) => forgotten.merged.push(entry));
      const set = new RecentKeys<number>(limit, (...entry) => forgotten.set.push(entry));
      for (const { key, value, isDeleted } of steps) {
        const before = set.get(key);
        expect(merged.merge(key, value, Math.max)).toBe(before);
        set.set(key, before === undefined ? value : Math.max(before, value));
        if (isDeleted) for (const keys of [merged, set]) keys.delete(key);
        expect(new Map(merged)).toEqual(new Map(set));
        expect(forgotten.merged).toEqual(forgotten.set);
      }
    }),
  );
});
