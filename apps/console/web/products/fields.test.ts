import { expect, test } from 'vitest';
import { valueText } from './fields.ts';

test.each([
  ['weightGrams', 62, '62 g'],
  ['weightGrams', 12_500, '12.5 kg'],
  // A gram apart, so a change from one to the other is seen.
  ['weightGrams', 12_345, '12.345 kg'],
  ['weightGrams', 12_346, '12.346 kg'],
  ['lengthMm', 1200, '1200 mm'],
  ['priceMinor', 2999, '29.99 EUR'],
  ['gtin', null, '–'],
  ['attributes', { radio: 'Zigbee', isDimmable: true }, 'radio: Zigbee, isDimmable: true'],
])('%s %j is shown as %s', (field, value, text) => {
  expect(valueText(field, value)).toBe(text);
});
