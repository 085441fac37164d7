import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeenPairs } from './seen-pairs.ts';

test('a pair is new once, until all are forgotten', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'ab'), fc.constantFrom('1', '2', 'b1'))),
      (pairs) => {
        const seen = new SeenPairs(100);
        const known = new Set<string>();
        for (const [caller, id] of pairs) {
          expect(seen.add(caller, id)).toBe(!known.has(`${caller} ${id}`));
          known.add(`${caller} ${id}`);
        }
        expect(seen.size).toBe(known.size);
        seen.clear();
        expect(seen.size).toBe(0);
        if (pairs[0] !== undefined) expect(seen.add(...pairs[0])).toBe(true);
      },
    ),
  );
});

test.each([
  ['random ids', () => randomUUID()],
  ['ids in a row', (n: number) => `01910000-0000-7000-8000-${String(n).padStart(12, '0')}`],
])('of 100,000 %s, none is taken for another', (_name, idOf) => {
  const seen = new SeenPairs(100_000);
  let lost = 0;
  for (let n = 0; n < 100_000; n++) if (!seen.add(`caller ${n % 10}`, idOf(n))) lost += 1;
  expect(lost).toBe(0);
});
