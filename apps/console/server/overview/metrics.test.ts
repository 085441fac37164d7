import { expect, test } from 'vitest';
import { buckets, quantile } from './metrics.ts';

const text = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([bound, count]) => `wait_seconds_bucket{le="${bound}",service="worker"} ${count}`)
    .join('\n');
const at = (counts: Record<string, number>) => buckets(text(counts), 'wait_seconds');

test('a quantile is that of the events between two looks', () => {
  const before = at({ '0.1': 1_000, '0.2': 1_000, '+Inf': 1_000 });
  const now = at({ '0.1': 1_050, '0.2': 1_100, '+Inf': 1_100 });
  expect(quantile(before, now, 0.25)).toBeCloseTo(0.05);
  expect(quantile(before, now, 0.5)).toBeCloseTo(0.1);
  expect(quantile(before, now, 0.75)).toBeCloseTo(0.15);
  expect(quantile(before, now, 1)).toBeCloseTo(0.2);
});

test('beyond the last bound it is that bound', () => {
  expect(quantile(new Map(), at({ '0.1': 0, '+Inf': 3 }), 0.5)).toBe(0.1);
});

test('without an event, without the histogram, and behind a restart it is unknown', () => {
  const some = at({ '0.1': 5, '+Inf': 5 });
  expect(quantile(some, some, 0.5)).toBeUndefined();
  expect(quantile(new Map(), at({}), 0.5)).toBeUndefined();
  expect(quantile(some, at({ '0.1': 2, '+Inf': 2 }), 0.5)).toBeUndefined();
});
