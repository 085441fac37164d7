import { expect, test } from 'vitest';
import { zipf } from './zipf.ts';

test('draws are the same in each run, in range, and a tenth of the products gets most of them', () => {
  const draws = zipf(1_000, 20_000);
  expect(zipf(1_000, 20_000)).toEqual(draws);
  expect(Math.min(...draws)).toBe(0);
  expect(Math.max(...draws)).toBeLessThan(1_000);
  const often = draws.filter((n) => n < 100).length / draws.length;
  expect(often).toBeGreaterThan(0.6);
  expect(often).toBeLessThan(0.75);
});
