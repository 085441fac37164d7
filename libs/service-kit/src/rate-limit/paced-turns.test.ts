import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PacedTurns } from './paced-turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Kind = 'free' | 'dear';

/** The times at which six searches begin that are asked for at once, by the clock of the test. */
async function beginsOf(kind: Kind, caller: (n: number) => string, call_ms = 100): Promise<number[]> {
  const turns = new PacedTurns({ what: 'searches', atOnce: 2, waiting: 20, wait_ms: 10_000 });
  const first_ms = performance.now();
  const begins: number[] = [];
  const search = async (): Promise<Kind> => {
    begins.push(performance.now() - first_ms);
    await new Promise((resolve) => setTimeout(resolve, call_ms));
    return kind;
  };
  const isFree = (result: Kind) => result === 'free';
  const all = Promise.all(Array.from({ length: 6 }, (_, n) => turns.run(caller(n), search, isFree)));
  await vi.advanceTimersByTimeAsync(100 * call_ms);
  await all;
  return begins.map(Math.round);
}

test('searches of one caller leave three quarters of the time to others', async () => {
  const begins = await beginsOf('dear', () => 'ann');
  expect(begins).toEqual([0, 0, 800, 800, 1_600, 1_600]);
});

test('after a search of seconds a caller rests for five of them, so the next one is not refused', async () => {
  const begins = await beginsOf('dear', (n) => (n < 4 ? 'ann' : `caller ${n}`), 3_000);
  expect(begins.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 8_000, 8_000]);
});

test('searches that have cost the others nothing need no rest', async () => {
  const begins = await beginsOf('free', () => 'ann');
  expect(begins.at(-1)).toBeLessThan(300);
});

test('the searches of one caller do not wait for those of another', async () => {
  const begins = await beginsOf('dear', (n) => `caller ${n}`);
  expect(begins).toEqual([0, 0, 0, 0, 0, 0]);
});
