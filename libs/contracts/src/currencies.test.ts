import { expect, test } from 'vitest';
import { currencyCodes, minorUnitDigits } from './currencies.ts';
import { currencySchema } from './fields.ts';

test('currencies are those of ISO 4217 with their minor units', () => {
  expect(['EUR', 'JPY', 'KWD', 'CLF', 'XTS', 'eur', 'constructor'].map(minorUnitDigits)).toEqual([
    2,
    0,
    3,
    4,
    undefined,
    undefined,
    undefined,
  ]);
  expect(new Set(currencyCodes).size).toBe(currencyCodes.length);
  // Node knows no fund codes, and these are newer than its data.
  const known = new Set([...Intl.supportedValuesOf('currency'), 'XAD', 'XCG', 'ZWG', 'SLE', 'VED']);
  const funds = ['BOV', 'CHE', 'CHW', 'CLF', 'COU', 'MXV', 'USN', 'UYI', 'UYW'];
  expect(currencyCodes.filter((code) => !known.has(code) && !funds.includes(code))).toEqual([]);
});

test.each(['ABC', 'XXX', 'XAU', 'DEM', 'eur', 'EURO', ''])('%j is no currency of a price', (code) => {
  expect(currencySchema.safeParse(code).success).toBe(false);
});
