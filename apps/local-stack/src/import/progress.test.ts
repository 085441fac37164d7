import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { progressLine, showProgress, type Progress } from './progress.ts';

const halfway: Progress = {
  sent_bytes: 500,
  total_bytes: 1_000,
  received: 12_000,
  failed: 0,
  elapsed_ms: 2_000,
};

test('the line shows how much was sent, how many rows were read, and how fast', () => {
  expect(progressLine(halfway)).toBe(`${'█'.repeat(12)}${'░'.repeat(12)}  50 %  12,000 rows  6,000 rows/s`);
});

test('bad rows are counted', () => {
  expect(progressLine({ ...halfway, failed: 1_234 })).toContain('12,000 rows, 1,234 bad  ');
});

test('when everything is sent, the line says that it is being applied', () => {
  expect(progressLine({ ...halfway, sent_bytes: 1_000 })).toMatch(/100 % {2}12,000 rows {2}applying, 2 s$/);
});

test('an empty file and an elapsed time of zero cause no division by zero', () => {
  const nothing = { sent_bytes: 0, total_bytes: 0, received: 0, failed: 0, elapsed_ms: 0 };
  expect(progressLine(nothing)).toContain('100 %  0 rows');
});

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('on a terminal the line is redrawn, and removed at the end', () => {
  const written: string[] = [];
  const shown = showProgress({ isTTY: true, write: (text) => written.push(text) }, () => halfway);
  vi.advanceTimersByTime(200);
  shown.stop();
  vi.advanceTimersByTime(1_000);
  expect(written).toHaveLength(3);
  expect(written.every((text) => text.startsWith('\r') && !text.includes('\n'))).toBe(true);
});

test('in a file a new line is written every few seconds', () => {
  const written: string[] = [];
  const shown = showProgress({ write: (text) => written.push(text) }, () => halfway);
  vi.advanceTimersByTime(10_000);
  shown.stop();
  expect(written).toEqual([`  ${progressLine(halfway)}\n`, `  ${progressLine(halfway)}\n`]);
});
