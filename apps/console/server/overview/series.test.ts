import { expect, test } from 'vitest';
import { Series } from './series.ts';
import type { SystemState } from './state.ts';

const start_ms = Date.UTC(2026, 0, 1);

function state(at_ms: number, reads: number | undefined, lag_s = 0.2): SystemState {
  return {
    atMs: at_ms,
    services: [],
    stores: {},
    readers: [],
    queues: [],
    feed: {
      watermarkAgeSeconds: lag_s,
      unapplied: 0,
      oldestUnappliedSeconds: 0,
      wrongEntries: 0,
      nines: 3,
      nearEntries: 0,
      freshP50Ms: undefined,
      freshP99Ms: undefined,
      wentBack: undefined,
    },
    rates: { reads, writes: 0, applied: 0, loaded: 0, near: 80, redis: 15, postgres: 5 },
  };
}

test('a point is the mean of its rates, and the peak of its lag', () => {
  const series = new Series();
  series.add(state(start_ms, 10, 0.2));
  series.add(state(start_ms + 1_000, 20, 5));
  series.add(state(start_ms + 2_000, 30));
  const { times, figures } = series.of('15m');
  expect(times).toEqual([start_ms, start_ms + 2_000]);
  expect(figures.reads).toEqual([15, 30]);
  expect(figures.lagSeconds).toEqual([5, 0.2]);
  expect(figures.hitPercent).toEqual([95, 95]);
  expect(figures.freshP99Ms).toEqual([null, null]);
  expect(figures.nines).toEqual([3, 3]);
});

test('answers that all come from the caches are 100 percent, not a little more', () => {
  const series = new Series();
  // 100 * 3.2666… / 3.2666… is 100.00000000000001.
  const now = state(start_ms, 10);
  series.add({ ...now, rates: { ...now.rates, near: 49 / 15, redis: 0, postgres: 0 } });
  expect(series.of('15m').figures.hitPercent).toEqual([100]);
});

test('what nobody knew is a gap, not 0', () => {
  const series = new Series();
  series.add(state(start_ms, undefined));
  expect(series.of('24h').figures.reads).toEqual([null]);
});

test('a day of points is kept, and no more', () => {
  const series = new Series();
  for (let minute = 0; minute < 2_000; minute++) series.add(state(start_ms + minute * 60_000, minute));
  expect(series.of('24h').times).toHaveLength(1_440);
  expect(series.of('15m').times).toHaveLength(450);
  expect(series.of('24h').figures.reads.at(-1)).toBe(1_999);
});
