import type { Request } from 'express';
import { expect, test } from 'vitest';
import { requestCost } from './request-cost.ts';

const cost = (request: Partial<Pick<Request, 'path' | 'headers' | 'query'>>) =>
  requestCost({ path: '/api/products', headers: {}, query: {}, ...request } as Request);
const costOf = (ids: unknown) => cost({ query: { ids } as Request['query'] });
const list = (count: number) => Array.from({ length: count }, () => 'x').join(',');

test('ten ids count as one request, and one id does too', () => {
  expect([1, 10, 11, 100].map((count) => costOf(list(count)))).toEqual([1, 1, 2, 10]);
});

test('a request that catalog-read refuses counts at most as one that it answers', () => {
  expect([list(10_000), ['x', 'x'], undefined].map(costOf)).toEqual([10, 1, 1]);
});

test('a look at the readers counts as the views of the key that it takes', () => {
  expect(cost({ path: '/api/products/1/readers' })).toBe(16);
  expect(cost({ path: '/api/products/1/readers/' })).toBe(16);
  expect(cost({ headers: { follow: 'true' } })).toBe(16);
  expect(cost({ headers: { follow: 'false' } })).toBe(1);
});
