import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Watermark } from './watermark.ts';

/**
 * The feed as the watermark sees it: numbers are drawn in one order, transactions commit in a second one, and changes are
 * applied in a third one. Each step takes one unit of time.
 */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ kind: 'draw' } as const) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const), pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('apply' as const), pick: fc.nat() }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'look' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'set back' } as const) },
);

test('every change that was committed before the watermark is applied', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const watermark = new Watermark();
      const open: number[] = [];
      const committedAt = new Map<number, number>();
      const unapplied = new Set<number>();
      const appliedOnce: number[] = [];
      let now = 0;
      let seq = 0;
      for (const action of steps) {
        now += 1;
        if (action.kind === 'draw') {
          seq += 1;
          open.push(seq);
        } else if (action.kind === 'commit') {
          const [committed] = open.splice(action.pick % Math.max(1, open.length), 1);
          if (committed === undefined) continue;
          committedAt.set(committed, now);
          unapplied.add(committed);
        } else if (action.kind === 'apply') {
          const applied = [...unapplied][action.pick % Math.max(1, unapplied.size)];
          if (applied === undefined) continue;
          unapplied.delete(applied);
          appliedOnce.push(applied);
        } else if (action.kind === 'set back') {
          // Postgres went back, so earlier changes are not applied any more.
          watermark.reset();
          for (const again of appliedOnce) unapplied.add(again);
        } else {
          const visible = [...unapplied].toSorted((a, b) => a - b);
          watermark.look(now, { oldest: visible[0] ?? null, newest: visible.at(-1) ?? null });
        }
        const { at } = watermark;
        if (at === undefined) continue;
        const behind = [...unapplied].filter((each) => (committedAt.get(each) ?? 0) < at);
        expect(behind).toEqual([]);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('under a constant load the watermark follows, one round of the queue behind', () => {
  const watermark = new Watermark();
  for (let now = 1; now <= 5_000; now += 1) {
    watermark.look(now, { oldest: now * 10, newest: now * 10 + 25 });
    expect(watermark.at).toBe(now > 3 ? now - 3 : undefined);
  }
});

test('while a change cannot be applied, the watermark waits in bounded memory, and later moves on', () => {
  const watermark = new Watermark();
  watermark.look(1, { oldest: null, newest: null });
  for (let now = 2; now < 10_000; now += 1) watermark.look(now, { oldest: 5, newest: 5 + now });
  expect(watermark.at).toBe(1);
  watermark.look(10_000, { oldest: 20_000, newest: 20_001 });
  expect(watermark.at).toBeGreaterThan(9_000);
});
