import { expect, test } from 'vitest';
import { LandedTimes } from './landed-times.ts';

test('without a slot, the time of the look counts', () => {
  const times = new LandedTimes<number>();
  expect(times.look(1, null)).toBe(1);
  expect(times.look(2, null)).toBe(2);
});

test('with a slot, the time of a look counts when its milestone has landed', () => {
  const times = new LandedTimes<number>();
  expect(times.look(1, { landed: 100, milestone: 110 })).toBeUndefined();
  expect(times.look(2, { landed: 109, milestone: 120 })).toBeUndefined();
  expect(times.look(3, { landed: 110, milestone: 130 })).toBe(1);
  expect(times.look(4, { landed: 115, milestone: 140 })).toBe(1);
  expect(times.look(5, { landed: 135, milestone: 150 })).toBe(3);
  expect(times.look(6, null)).toBe(6);
});

test('when a slot comes into use, the last time before counts until a milestone has landed', () => {
  const times = new LandedTimes<number>();
  times.look(1, null);
  expect(times.look(2, { landed: 100, milestone: 110 })).toBe(1);
  expect(times.look(3, { landed: 110, milestone: 120 })).toBe(2);
});

test('while the slot is lost no time counts, and earlier milestones do not count afterwards', () => {
  const times = new LandedTimes<number>();
  times.look(1, { landed: 100, milestone: 110 });
  expect(times.look(2, { landed: null, milestone: 120 })).toBeUndefined();
  expect(times.look(3, { landed: 130, milestone: 140 })).toBeUndefined();
  expect(times.look(4, { landed: 140, milestone: 150 })).toBe(3);
});

test('after a crash has undone landings, no earlier time counts', () => {
  const times = new LandedTimes<number>();
  times.look(1, { landed: 100, milestone: 110 });
  expect(times.look(2, { landed: 110, milestone: 120 })).toBe(1);
  expect(times.look(3, { landed: 105, milestone: 130 })).toBeUndefined();
  expect(times.look(4, { landed: 125, milestone: 140 })).toBeUndefined();
  expect(times.look(5, { landed: 130, milestone: 150 })).toBe(3);
});

test('with the slot far behind, it remembers a bounded number of looks, and the newest landed one still counts', () => {
  const times = new LandedTimes<number>();
  for (let look = 1; look <= 5_000; look++) times.look(look, { landed: 0, milestone: look });
  expect(times.look(5_001, { landed: 4_000, milestone: 5_001 })).toBeGreaterThan(3_980);
});
