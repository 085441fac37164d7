import { CatalogError, productCreateSchema, productPatchSchema, type FieldError } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { parse, type Where } from './parse.ts';

function errorsOf(schema: z.ZodType, value: unknown, where: Where): readonly FieldError[] {
  try {
    parse(schema, value, where);
  } catch (error) {
    if (error instanceof CatalogError && error.code === 'invalid_request') return error.errors;
    throw error;
  }
  return [];
}

test('what is valid comes back with its defaults', () => {
  expect(parse(z.strictObject({ limit: z.coerce.number().int().default(20) }), {}, 'query')).toEqual({
    limit: 20,
  });
});

test('every broken rule is named with a JSON pointer', () => {
  const errors = errorsOf(
    productCreateSchema,
    { sku: ' x', name: 5, gtin: '4006381333932', weightGrams: -1, attributes: { 'a/b~': {} }, nope: 1 },
    'body',
  );
  const byPointer = new Map(errors.map((error) => [error.pointer, error.code]));
  expect(byPointer.get('/sku')).toBe('invalid_format');
  expect(byPointer.get('/name')).toBe('invalid_type');
  expect(byPointer.get('/gtin')).toBe('custom');
  expect(byPointer.get('/weightGrams')).toBe('too_small');
  expect(byPointer.get('/priceMinor')).toBe('required');
  expect(byPointer.get('/nope')).toBe('unknown');
  expect([...byPointer.keys()].some((pointer) => pointer?.includes('a~1b~0'))).toBe(true);
});

test.each(['id', 'version', 'createdAt', 'updatedAt'])('a patch cannot assign %s', (field) => {
  expect(errorsOf(productPatchSchema, { name: 'x', [field]: 1 }, 'body')).toEqual([
    { pointer: `/${field}`, code: 'unknown', message: 'is not known here' },
  ]);
});

test('a repeated and an unknown query parameter are errors of their own kind', () => {
  const schema = z.strictObject({ limit: z.string().optional() });
  expect(errorsOf(schema, { limit: ['1', '2'], page: '1' }, 'query')).toEqual([
    { parameter: 'limit', code: 'repeated', message: 'must be given once' },
    { parameter: 'page', code: 'unknown', message: 'is not known here' },
  ]);
});

test('a header is named as a header', () => {
  expect(errorsOf(z.object({ 'if-match': z.string() }), {}, 'header')).toEqual([
    { header: 'if-match', code: 'required', message: 'is required' },
  ]);
});

test('the sender controls neither the number of errors nor the length of their names', () => {
  const value = Object.fromEntries(
    Array.from({ length: 5_000 }, (_, index) => [`${'k'.repeat(500)}${index}`, 1]),
  );
  const errors = errorsOf(z.strictObject({}), value, 'body');
  expect(errors).toHaveLength(100);
  expect(errors.every((error) => (error.pointer ?? '').length <= 101)).toBe(true);
});
