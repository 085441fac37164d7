import { expect, test } from 'vitest';
import { columnsParameter, initialMap, mapProblem, rememberMap, suggestedField } from './columns.ts';

function storage() {
  const kept = new Map<string, string>();
  return {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
}

test.each([
  ['sku', 'sku'],
  ['Article number', 'sku'],
  ['weightGrams', 'weightGrams'],
  ['Weight (g)', 'weightGrams'],
  ['EAN', 'gtin'],
  ['price_minor', 'priceMinor'],
])('the column "%s" probably holds %s', (column, field) => expect(suggestedField(column)).toBe(field));

test.each(['Price', 'Weight (kg)', 'Note', '', 'constructor', '__proto__', 'valueOf'])(
  'nothing is suggested for "%s", because its unit or meaning is not known',
  (column) => expect(suggestedField(column)).toBeUndefined(),
);

test('a field is suggested for one column only', () => {
  expect(initialMap(['sku', 'EAN', 'UPC'], storage())).toEqual({ sku: 'sku', EAN: 'gtin', UPC: undefined });
});

test('what was chosen for a header is remembered for that header', () => {
  const kept = storage();
  rememberMap(['sku', 'Note'], { sku: 'sku', Note: '' }, kept);
  expect(initialMap(['sku', 'Note'], kept)).toEqual({ sku: 'sku', Note: '' });
  expect(initialMap(['sku', 'Other'], kept)).toEqual({ sku: 'sku', Other: undefined });
});

test.each([
  [{ sku: 'sku', Note: undefined }, 'Choose what "Note" holds.'],
  [{ sku: 'sku', Note: 'sku' }, 'Two columns hold SKU. Leave one of them out.'],
  [{ sku: '', Note: 'name' }, 'One column must hold the SKU: products are matched by it.'],
  [{ sku: 'sku', Note: '' }, undefined],
] as const)('%o: %s', (map, problem) => expect(mapProblem(['sku', 'Note'], map)).toBe(problem));

test('the parameter quotes names with commas and quotes, and is left out when all names are fields', () => {
  expect(columnsParameter(['sku', 'a "b", c'], { sku: 'sku', 'a "b", c': '' })).toBe(
    '"sku:sku","a ""b"", c:"',
  );
  expect(columnsParameter(['sku', 'name'], { sku: 'sku', name: 'name' })).toBeUndefined();
});
