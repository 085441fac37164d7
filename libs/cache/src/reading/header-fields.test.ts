import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HeaderFields } from './header-fields.ts';

const asBuffer = (text: string) => Buffer.from(text, 'latin1');
const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const word = fc.stringMatching(/^[\da-z-]{0,16}$/);
const fields = fc.array(fc.oneof(number, word), { minLength: 1, maxLength: 12 });

test('all fields of a header are found, whatever stands behind it', () => {
  fc.assert(
    fc.property(fields, fc.string(), (written, rest) => {
      const read = new HeaderFields(asBuffer(`${written.join('|')}|${rest}`));
      for (const field of written)
        if (typeof field === 'number') expect(read.number()).toBe(field);
        else expect(read.is(field)).toBe(true);
    }),
  );
});

test('behind a field that is another than expected, nothing is found', () => {
  fc.assert(
    fc.property(fields, word, fields, (before, wanted, behind) => {
      const read = new HeaderFields(asBuffer(`${[...before, `${wanted}!`, ...behind].join('|')}|`));
      for (const field of before) expect(read.is(String(field))).toBe(true);
      expect(read.is(wanted)).toBe(false);
      expect(read.is('')).toBe(false);
      expect(read.number()).toBeNaN();
    }),
  );
});

test.each(['', '12', '1x|', 'x1|', '-1|', '1.5|', ' 1|', '1\n|', '1e3|'])(
  'the header "%s" begins with no number',
  (text) => {
    const read = new HeaderFields(asBuffer(text));
    expect(read.number()).toBeNaN();
    expect(read.is('')).toBe(false);
  },
);
