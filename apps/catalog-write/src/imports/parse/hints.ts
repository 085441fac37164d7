import { isValidGtin, minorUnitDigits, printable } from '@catalog/contracts';

/** What the writer of this text in a field of whole numbers probably meant. */
export function wholeNumberMessage(
  field: string,
  text: string,
  record: Readonly<Record<string, unknown>>,
): string {
  const plain = 'must be a whole number, digits only';
  const decimal = decimalOf(text);
  if (decimal === undefined) return plain;
  const [whole, fraction] = decimal;
  const written = `"${printable(text, 40)}"`;
  if (field !== 'priceMinor') {
    if (/^0*$/.test(fraction)) return `${plain}: write ${whole} instead of ${written}`;
    return `${plain}: ${written} has a fraction, and the field counts whole ${field.endsWith('Mm') ? 'millimetres' : 'grams'}`;
  }
  const { currency } = record;
  const digits = typeof currency === 'string' ? minorUnitDigits(currency) : undefined;
  const rule = `${plain}: it counts the smallest unit of the currency`;
  if (digits === undefined || fraction.length > digits) return `${rule}, so 12.50 EUR is 1250`;
  const minor = `${whole}${fraction.padEnd(digits, '0')}`.replace(/^0+(?=\d)/, '');
  return `${rule}, so ${written} ${String(currency)} is ${minor}`;
}

/** Whole part and fraction of `12,50`, `12.50`, `1.299,00`, `1 299.00`; the last point or comma begins the fraction. */
function decimalOf(text: string): readonly [string, string] | undefined {
  if (text.length > 40) return undefined;
  const [, whole, fraction] =
    /^(\d{1,16}|\d{1,3}(?:[.,'’\s]\d{3}){1,5})[.,](\d{1,6})$/.exec(text.trim()) ?? [];
  return whole === undefined || fraction === undefined ? undefined : [whole.replaceAll(/\D/g, ''), fraction];
}

/** Spreadsheets take GTINs for numbers. undefined: nothing is known about this text. */
export function gtinMessage(text: string): string | undefined {
  if (/^\d(?:[.,]\d+)?e\+?\d+$/i.test(text))
    return 'was rounded by a spreadsheet that took it for a number: format the column as text and enter it again';
  const digits = /^(\d{6,14})(?:[.,]0)?$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const meant = [8, 12, 13, 14].map((length) => digits.padStart(length, '0')).find(isValidGtin);
  if (meant === undefined || meant === text) return undefined;
  const reason = meant.length > digits.length ? 'has lost its leading zeros' : 'was taken for a number';
  return `${reason}: did you mean "${meant}"? Format the column as text`;
}
