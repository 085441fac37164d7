import { expect, test } from 'vitest';
import { checkRecord } from './product-record.ts';

const valid = { sku: 'A', name: 'n', brand: 'b', category: 'c', priceMinor: 1, currency: 'EUR' };

function problemsOf(change: Record<string, unknown>): unknown {
  const checked = checkRecord({ ...valid, ...change });
  return 'problems' in checked ? checked.problems.map(({ field, code }) => [field, code]) : [];
}

test('absent fields stay absent, and null stays null', () => {
  expect(checkRecord({ sku: 'A' })).toEqual({ product: { sku: 'A' } });
  expect(checkRecord({ ...valid, gtin: null })).toEqual({ product: { ...valid, gtin: null } });
});

test.each<[Record<string, unknown>, [string | null, string][]]>([
  [{ sku: undefined, name: undefined }, [['sku', 'required']]],
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

const messageOf = (change: Record<string, unknown>): string | undefined => {
  const checked = checkRecord({ ...valid, ...change });
  return 'problems' in checked ? checked.problems[0]?.message : undefined;
};

test.each([
  [{ priceMinor: '12,50' }, 'so "12,50" EUR is 1250'],
  [{ priceMinor: '12.5' }, 'so "12.5" EUR is 1250'],
  [{ priceMinor: '1.299,00' }, 'so "1.299,00" EUR is 129900'],
  [{ priceMinor: '0,99' }, 'so "0,99" EUR is 99'],
  [{ priceMinor: '12,50', currency: 'KWD' }, 'so "12,50" KWD is 12500'],
  [{ priceMinor: '12,50', currency: 'JPY' }, 'so 12.50 EUR is 1250'],
  [{ priceMinor: '12,50', currency: undefined }, 'it counts the smallest unit of the currency'],
  [{ priceMinor: 'free' }, 'must be a whole number, digits only'],
  [{ weightGrams: '250.0' }, 'write 250 instead of "250.0"'],
  [{ weightGrams: '2,5' }, '"2,5" has a fraction, and the field counts whole grams'],
  [{ lengthMm: '2.5' }, 'whole millimetres'],
  [{ gtin: '4.00638E+12' }, 'was rounded by a spreadsheet'],
  [{ gtin: '4,00638E+12' }, 'was rounded by a spreadsheet'],
  [{ gtin: '36000291452' }, 'has lost its leading zeros: did you mean "036000291452"?'],
  [{ gtin: '4006381333931.0' }, 'did you mean "4006381333931"?'],
  [{ gtin: '4006381333932' }, 'valid GS1 check digit'],
  [{ name: '' }, 'must not be empty'],
  [{ currency: 'ABC' }, 'must be a currency of ISO 4217'],
])('%j: the error says what was probably meant', (change, says) => {
  expect(messageOf(change)).toContain(says);
});
