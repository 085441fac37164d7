import { expect, test } from 'vitest';
import { isFromCache } from './paced-calls.ts';

test.each([
  ['catalog-read; hit; detail=near', true],
  ['catalog-read; hit; detail=redis', true],
  ['catalog-read; hit; detail=stale', false],
  ['catalog-read; fwd=miss; stored', false],
  [undefined, false],
])('an answer with the Cache-Status %s has cost Postgres nothing: %s', (status, isFree) => {
  const headers = status === undefined ? undefined : { 'Cache-Status': status };
  expect(isFromCache(new Response(null, { ...(headers && { headers }) }))).toBe(isFree);
});
