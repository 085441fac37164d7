import { expect, test } from 'vitest';
import { distribution, median, percentile, slope } from './percentiles.ts';

test('percentiles do not depend on the order', () => {
  const values = Array.from({ length: 100 }, (_, index) => (index * 37) % 100);
  expect([median(values), percentile(values, 0.99), percentile(values, 1)]).toEqual([50, 99, 99]);
});

test('what was not measured does not count', () => {
  expect([median([5, 4, 3, Number.NaN, Number.NaN, Number.NaN, Number.NaN]), median([Number.NaN])]).toEqual([
    4,
    Number.NaN,
  ]);
});

test('a distribution ends at 100 % with the largest value, in at most about 200 points', () => {
  const points = distribution(Array.from({ length: 5_000 }, (_, index) => index));
  expect(points.length).toBeLessThan(210);
  expect(points.at(-1)).toEqual([4_999, 100]);
});

test('a slope is that of a line through noise, and 0 where nothing grows', () => {
  const noise = (index: number) => [3, -3, -3, 3][index % 4] ?? 0;
  const line = (growth: number) =>
    slope(Array.from({ length: 42 }, (_, index) => [1_000 + index, 7 + growth * index + noise(index)]));
  expect(line(0.25)).toBeCloseTo(0.25, 1);
  expect(line(0)).toBeCloseTo(0, 1);
});
