import { expect, test } from 'vitest';
import { compare, ratiosOf } from './baseline.ts';

test('a ratio that fell by more than 15 % is worse, a new one is not compared', () => {
  const { lines, worse } = compare(
    { 'ratio a': 0.84, 'ratio b': 0.86, 'ratio new': 1 },
    { 'ratio a': 1, 'ratio b': 1, 'ratio gone': 1 },
  );
  expect(worse).toEqual(['ratio a']);
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(/a +\| 1\.00 +\| 0\.84 \| -16 %/);
});

test('only ratios are compared, because times depend on the machine', () => {
  const section = { name: 's', title: '', method: '', table: [], goals: [], plots: {} };
  expect(
    ratiosOf([{ ...section, figures: { 'ratio a': 1, 'cpu_us a': 30, 'ratio b': Number.NaN } }]),
  ).toEqual({
    'ratio a': 1,
  });
});
