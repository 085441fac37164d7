import { CatalogError } from '@catalog/contracts';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExactJson } from './exact-json.ts';
import { isExactNumber } from './exact-number.ts';

function errorOf(text: string): { code: string; pointer: string | undefined; message: string } | undefined {
  try {
    parseExactJson(text);
    return undefined;
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    const [first] = error.errors;
    return { code: first?.code ?? error.code, pointer: first?.pointer, message: error.message };
  }
}

test.each([
  ['{"serial":12345678901234567890}', '/serial'],
  ['{"a":{"b/c":[1,2,0.1000000000000000055]}}', '/a/b~1c/2'],
  ['[1e400]', '/0'],
  ['[-1e400]', '/0'],
  ['[1e-400]', '/0'],
  ['9007199254740993', ''],
  ['{"a":"\\"x\\\\","n": 123456789012345678 }', '/n'],
])('%s is refused: no double holds the number, so it has to be a string', (text, pointer) => {
  expect(errorOf(text)).toMatchObject({ code: 'inexact_number', pointer });
  expect(errorOf(text)?.message).toContain('send it as a string');
});

test.each([
  '0.1', '-0', '0.0', '1e5', '1E+5', '1.50', '100000000000000000000', '9007199254740991', '0.30000000000000004',
  '1.7976931348623157e308', '5e-324', '{"gtin":"12345678901234567890"}',
])('%s is read as it is', (text) => {
  expect(parseExactJson(text)).toEqual(JSON.parse(text));
}); // prettier-ignore

test.each([
  ['{"quantity":1,"quantity":500}', '/quantity'],
  ['{"lines":[{"sku":"a"},{"sku":"b","sku":"c"}]}', '/lines/1/sku'],
  ['{"a":1,"\\u0061":2}', '/a'],
  ['{"__proto__":1,"__proto__":2}', '/__proto__'],
  ['{"a":{},"b":{"":1,"":{}}}', '/b/'],
])('%s is refused: readers disagree about which of the two counts', (text, pointer) => {
  expect(errorOf(text)).toMatchObject({ code: 'repeated_member', pointer });
});

test('the name of a repeated member is shown without what could not be stored', () => {
  expect(errorOf('{"k\\u0000\\ud800":1,"k\\u0000\\ud800":2}')?.pointer).toBe('/k\ufffd\ufffd');
});

test('colons, digits and quotes inside strings mean nothing', () => {
  const value = { 'a:"1e400': ['12345678901234567890', 'x\\', '":":1'], b: '\\"' };
  expect(parseExactJson(JSON.stringify(value))).toEqual(value);
  expect(parseExactJson(JSON.stringify(value, null, '\t'))).toEqual(value);
});

test('whatever JavaScript writes as JSON is read back equal', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 15 }), (value) => {
      const text = JSON.stringify(value);
      return JSON.stringify(parseExactJson(text)) === text;
    }),
  );
});

test('a number is exact if and only if it is the shortest text of its double, or the same decimal', () => {
  const digits = fc.string({
    unit: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'),
    minLength: 1,
    maxLength: 24,
  });
  fc.assert(
    fc.property(digits, digits, fc.integer({ min: -30, max: 30 }), (whole, fraction, exponent) => {
      const literal = `${BigInt(whole)}.${fraction}e${exponent}`;
      // An independent way to compare: both as whole numbers, scaled by 10^60.
      const scaled = (text: string): bigint => {
        const [mantissa = '', power = '0'] = text.toLowerCase().split('e');
        const [front = '', behind = ''] = mantissa.split('.');
        const zeros = 60 + Number(power) - behind.length;
        const all = BigInt(front + behind);
        return zeros >= 0
          ? all * 10n ** BigInt(zeros) * 10n ** 40n
          : (all * 10n ** 40n) / 10n ** BigInt(-zeros);
      };
      return isExactNumber(literal) === (scaled(literal) === scaled(String(Number(literal))));
    }),
  );
});

test('an ordinary body takes less than three times as long as JSON.parse and one look at each character', () => {
  const product = {
    sku: 'LAMP-1', name: 'Lamp "Küche"', description: 'A lamp. '.repeat(40), brand: 'Acme', category: 'Lighting',
    gtin: '4006381333931', weightGrams: 250, lengthMm: 100, priceMinor: 1999, currency: 'EUR',
    attributes: { model: 'M1', radio: 'Zigbee', volts: 3.3, dimmable: true },
  }; // prettier-ignore
  const text = JSON.stringify(product);
  const fastest = (read: (text: string) => unknown): number => {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 30; round++) {
      const began = performance.now();
      for (let each = 0; each < 500; each++) read(text);
      best = Math.min(best, performance.now() - began);
    }
    return best;
  };
  // What every character costs that is looked at once, as the check of the shape always did.
  const looked = (given: string): unknown => {
    let quotes = 0;
    for (let at = 0; at < given.length; at++) if (given.charCodeAt(at) === 0x22) quotes++;
    return [quotes, JSON.parse(given)];
  };
  fastest(parseExactJson);
  expect(fastest(parseExactJson)).toBeLessThan(3 * fastest(looked));
});
