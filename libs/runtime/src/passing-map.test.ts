import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PassingMap } from './passing-map.ts';

const step = fc.record({ key: fc.nat({ max: 20 }), value: fc.nat(), isDeleted: fc.boolean() });

test('it holds what a Map holds, after any number of deletions', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 300, maxLength: 2_000, size: 'max' }), (steps) => {
      const passing = new PassingMap<number, number>();
      const map = new Map<number, number>();
      for (const { key, value, isDeleted } of steps) {
        if (isDeleted) for (const each of [passing, map]) each.delete(key);
        else for (const each of [passing, map]) each.set(key, value);
        expect(passing.get(key)).toBe(map.get(key));
      }
      expect([...passing.keys()].map((key) => [key, passing.get(key)])).toEqual([...map]);
      expect(passing.size).toBe(map.size);
    }),
    { numRuns: 50 },
  );
});
