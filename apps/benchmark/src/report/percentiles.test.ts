import { expect, test } from 'vitest';
import { distribution, median, percentile } from './percentiles.ts';

test('percentiles do not depend on the order', () => {
  const values = Array.from({ length: 100 }, (_, index) => (index * 37) % 100);
  expect([median(values), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 99]);
});

test('a distribution ends at 100 % with the largest value, in at most about 200 points', () => {
  const points = distribution(Array.from({ length: 5_000 }, (_, index) => index));
  expect(points.length).toBeLessThan(210);
  expect(points.at(-1)).toEqual([4_999, 100]);
});
