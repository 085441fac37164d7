import type { Request } from 'express';
import { expect, test } from 'vitest';
import { staleIfError_ms } from './routes.ts';

test.each([
  [undefined, 0],
  ['no-cache', 0],
  ['stale-if-error=0', 0],
  ['no-cache, stale-if-error=30', 30_000],
  ['stale-if-error=600', 600_000],
  ['stale-if-error=601', 600_000],
  ['stale-if-error=999999999', 600_000],
])('Cache-Control: %s accepts a price that is at most %d ms old', (header, age_ms) => {
  expect(staleIfError_ms.read({ headers: { 'cache-control': header } } as unknown as Request)).toBe(age_ms);
});
