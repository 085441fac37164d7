import { expect, test } from 'vitest';
import { count, durationText, exactTime, moneyText, timeAgo } from './values.tsx';

test.each([
  [0, '0 ms'],
  [4.12, '4.1 ms'],
  [47, '47 ms'],
  [247.6, '248 ms'],
  [1_262, '1.3 s'],
  [59_940, '59.9 s'],
  [108_000, '108 s'],
  [3_300_000, '55 min'],
  [21_600_000, '6 h'],
])('%d ms is shown as %s', (duration_ms, text) => {
  expect(durationText(duration_ms)).toBe(text);
});

test.each([
  [1, 'now'],
  [51, '51 sec ago'],
  [125, '2 min ago'],
  [10_900, '3 hr ago'],
  [90_000, 'yesterday'],
  [260_000, '3 days ago'],
  [59 * 86_400, '59 days ago'],
  [214 * 86_400, '7 mo ago'],
  [-30, 'in 30 sec'],
  [-3_700, 'in 1 hr'],
])('%d s ago is shown as "%s"', (age_s, text) => {
  const now_ms = Date.UTC(2026, 10, 28);
  expect(timeAgo(new Date(now_ms - age_s * 1_000).toISOString(), now_ms)).toBe(text);
});

test.each([
  [123456789, 'EUR', '1,234,567.89 EUR'],
  [500, 'JPY', '500 JPY'],
  [1234, 'KWD', '1.234 KWD'],
  [-5, 'EUR', '-0.05 EUR'],
  // No currency, but a form is shown while somebody types one.
  [100, 'EURO', '1.00 EURO'],
])('%d of %s is shown as %s', (minor, currency, text) => {
  expect(moneyText(minor, currency)).toBe(text);
});

test.each([
  [0, '0'],
  [999, '999'],
  [1000, '1,000'],
  [-1234567, '-1,234,567'],
  [1234.56789, '1,234.56789'],
])('%d is shown as %s', (value, text) => {
  expect(count(value)).toBe(text);
});

test('an exact moment names day, month, year and time of this time zone', () => {
  const at = new Date(2026, 8, 5, 7, 8, 9).toISOString();
  expect(exactTime(at)).toBe('5 Sep 2026, 07:08:09');
});
