import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { cutOffWhenSlow } from './cut-off.ts';
import { exportLimits } from './limits.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A client that takes so many bytes in each window. @returns after how long it is cut off; undefined within two hours */
function cutOffAfter(taken_bytes: number, writableNeedDrain: boolean): number | undefined {
  const cuts_ms: number[] = [];
  let passed_ms = 0;
  const socket = { bytesWritten: 0 };
  const res = { writableNeedDrain, socket, destroy: () => cuts_ms.push(passed_ms) };
  const timer = cutOffWhenSlow(res as unknown as Parameters<typeof cutOffWhenSlow>[0]);
  onTestFinished(() => clearInterval(timer));
  while (passed_ms < 7_200_000) {
    socket.bytesWritten += taken_bytes;
    passed_ms += exportLimits.window_ms;
    vi.advanceTimersByTime(exportLimits.window_ms);
  }
  return cuts_ms[0];
}

test('a client that takes nothing for a while is cut off, unless Postgres is what it waits for', () => {
  expect(cutOffAfter(0, true)).toBe(exportLimits.window_ms);
  expect(cutOffAfter(0, false)).toBe(exportLimits.most_ms);
});

test('a client that takes little all the time keeps its snapshot for an hour, and not for days', () => {
  expect(cutOffAfter(exportLimits.least_bytes, true)).toBe(exportLimits.most_ms);
});
