import { expect, test } from 'vitest';
import { CatalogError, errorCatalogue, type ErrorCode } from './errors.ts';

test('each error with the status 409 or 503 says when to try again', () => {
  const codes = Object.keys(errorCatalogue) as ErrorCode[];
  const later = codes.filter((code) => [409, 503].includes(errorCatalogue[code].status));
  expect(later).toContain('sku_taken');
  expect(later.filter((code) => new CatalogError(code, 'x').retryAfterSeconds === undefined)).toEqual([]);
  expect(new CatalogError('busy', 'x', { retryAfterSeconds: 7 }).retryAfterSeconds).toBe(7);
});
