import { expect, test } from 'vitest';
import { durationText, timeAgo } from './values.tsx';

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
])('%d s ago is shown as "%s"', (age_s, text) => {
  const now_ms = Date.UTC(2026, 10, 28);
  expect(timeAgo(new Date(now_ms - age_s * 1_000).toISOString(), now_ms)).toBe(text);
});
