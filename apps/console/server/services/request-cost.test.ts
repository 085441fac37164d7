import type { Request } from 'express';
import { expect, test } from 'vitest';
import { requestCost } from './request-cost.ts';

const costOf = (ids: unknown) => requestCost({ query: { ids } } as unknown as Request);
const list = (count: number) => Array.from({ length: count }, () => 'x').join(',');

test('ten ids count as one request, and one id does too', () => {
  expect([1, 10, 11, 100].map((count) => costOf(list(count)))).toEqual([1, 1, 2, 10]);
});

test('a request that catalog-read refuses counts at most as one that it answers', () => {
  expect([list(10_000), ['x', 'x'], undefined].map(costOf)).toEqual([10, 1, 1]);
});
