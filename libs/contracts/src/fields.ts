/** Rules of fields that several schemas share. */
import { z } from 'zod';
import { minorUnitDigits } from './currencies.ts';

/** Postgres cannot store NUL, and the other control characters can only hide something. */
// oxlint-disable-next-line no-control-regex -- the rule is about these characters
const controlCharacter = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;
export const text = (max: number) =>
  z
    .string()
    .max(max)
    .refine((value) => !controlCharacter.test(value), { error: 'must not contain control characters' })
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' });

export const requiredText = (max: number) =>
  text(max).refine((value) => value.trim().length > 0, { error: 'must not be blank' });

/** No name is longer, however many blanks it has. */
const longestTidied = 1_000;
/** No language needs more than 30 combining marks in a row (UAX #15, stream-safe text format). */
const manyMarks = /\p{M}{31}/u;

/**
 * One line in Unicode form NFC, without outer or double blanks, so that two spellings of one name are one. A text stays as it is
 * if normalising it would take long: the time grows with the square of the combining marks in a row, to a minute for a whole body.
 */
export const tidy = (value: string): string =>
  value.length > longestTidied || manyMarks.test(value)
    ? value
    : value.normalize('NFC').replaceAll(/\s+/gu, ' ').trim();

/** A name: kept tidy, and not blank. */
export const nameText = (max: number) =>
  z
    .string()
    .overwrite(tidy)
    .min(1, { error: 'must not be blank' })
    .max(max)
    .refine((value) => !controlCharacter.test(value), { error: 'must not contain control characters' })
    .refine((value) => value.isWellFormed(), { error: 'must be well-formed Unicode' });

export const currencySchema = z.string().refine((code) => minorUnitDigits(code) !== undefined, {
  error: 'must be a currency of ISO 4217 in capital letters, such as EUR',
});

/**
 * Checks the GS1 check digit (GS1 General Specifications, 7.9.1). Counted from the right, the check digit and every second
 * digit weigh 1, the others 3. The sum must be a multiple of ten.
 */
export function isValidGtin(gtin: string): boolean {
  if (!/^(?:\d{8}|\d{12}|\d{13}|\d{14})$/.test(gtin)) return false;
  let sum = 0;
  for (let fromRight = 0; fromRight < gtin.length; fromRight++) {
    const digit = gtin.charCodeAt(gtin.length - 1 - fromRight) - 48;
    sum += fromRight % 2 === 0 ? digit : digit * 3;
  }
  return sum % 10 === 0;
}
