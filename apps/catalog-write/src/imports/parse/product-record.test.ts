import { expect, test } from 'vitest';
import { checkRecord } from './product-record.ts';

const valid = { sku: 'A', name: 'n', brand: 'b', category: 'c', priceMinor: 1, currency: 'EUR' };

function problemsOf(change: Record<string, unknown>): unknown {
  const checked = checkRecord({ ...valid, ...change });
  return 'problems' in checked ? checked.problems.map(({ field, code }) => [field, code]) : [];
}

test('absent fields get their defaults', () => {
  expect(checkRecord(valid)).toEqual({
    product: {
      ...valid,
      description: '',
      gtin: null,
      weightGrams: null,
      lengthMm: null,
      widthMm: null,
      heightMm: null,
      status: 'draft',
      attributes: {},
    },
  });
});

test.each<[Record<string, unknown>, [string | null, string][]]>([
  [
    { sku: undefined, name: undefined },
    [
      ['sku', 'required'],
      ['name', 'required'],
    ],
  ],
  [{ priceMinor: '12,5' }, [['priceMinor', 'invalid_type']]],
  [{ priceMinor: -1 }, [['priceMinor', 'too_small']]],
  [{ weightGrams: 3_000_000_000 }, [['weightGrams', 'too_big']]],
  [{ gtin: '4006381333932' }, [['gtin', 'custom']]],
  [{ sku: 'ä' }, [['sku', 'invalid_format']]],
  [{ name: 'a\0b' }, [['name', 'custom']]],
  [
    { id: 'x', version: 1 },
    [
      ['id', 'unknown_field'],
      ['version', 'unknown_field'],
    ],
  ],
  [{ attributes: { 'a b': 1 } }, [['attributes.a b', 'invalid_key']]],
  [{ attributes: { nested: {} } }, [['attributes.nested', 'invalid_union']]],
  [{ attributes: '{}' }, [['attributes', 'invalid_type']]],
  [
    JSON.parse('{"attributes":{"__proto__":{"admin":true}}}') as Record<string, unknown>,
    [['attributes', 'invalid_key']],
  ],
])('%j is refused with field and rule', (change, problems) => {
  expect(problemsOf(change)).toEqual(problems);
});

test('a __proto__ field is refused and changes no prototype', () => {
  const record = JSON.parse(JSON.stringify(valid).replace('{', '{"__proto__":{"polluted":true},')) as Record<
    string,
    unknown
  >;
  expect(checkRecord(record)).toEqual({
    problems: [expect.objectContaining({ field: '__proto__', code: 'unknown_field' })],
  });
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
});
