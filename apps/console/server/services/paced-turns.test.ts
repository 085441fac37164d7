import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { isFromCache, pacedCalls, PacedTurns } from './paced-turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The times at which searches begin that this person sends at once. */
async function beginsOf(
  cacheStatus: string,
  username: (n: number) => string,
  call_ms = 100,
): Promise<number[]> {
  const turns = new PacedTurns({ what: 'searches', ...pacedCalls });
  const first_ms = performance.now();
  const begins: number[] = [];
  const search = async (): Promise<Response> => {
    begins.push(performance.now() - first_ms);
    await new Promise((resolve) => setTimeout(resolve, call_ms));
    return new Response(null, { headers: { 'Cache-Status': cacheStatus } });
  };
  const all = Promise.all(Array.from({ length: 6 }, (_, n) => turns.run(username(n), search, isFromCache)));
  await vi.advanceTimersByTimeAsync(100 * call_ms);
  await all;
  return begins.map(Math.round);
}

test('searches that Postgres answers leave it three quarters of the time', async () => {
  const begins = await beginsOf('catalog-read; fwd=miss; stored', () => 'ann');
  expect(begins).toEqual([0, 0, 800, 800, 1_600, 1_600]);
});

test('after a search of seconds a person rests for five of them, so the next one is not refused', async () => {
  const begins = await beginsOf('', (n) => (n < 4 ? 'ann' : `person ${n}`), 3_000);
  expect(begins.toSorted((a, b) => a - b)).toEqual([0, 0, 0, 0, 8_000, 8_000]);
});

test('searches that a cache answers need no rest', async () => {
  const begins = await beginsOf('catalog-read; hit; detail=redis', () => 'ann');
  expect(begins.at(-1)).toBeLessThan(300);
});

test('the searches of one person do not wait for those of another', async () => {
  const begins = await beginsOf('catalog-read; fwd=miss; stored', (n) => `person ${n}`);
  expect(begins).toEqual([0, 0, 0, 0, 0, 0]);
});
