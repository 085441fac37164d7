import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { PacedTurns } from './paced-turns.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** The times at which searches of 100 ms begin that this person sends at once. */
async function beginsOf(cacheStatus: string, username: (n: number) => string): Promise<number[]> {
  const turns = new PacedTurns('searches');
  const first_ms = performance.now();
  const begins: number[] = [];
  const search = async (): Promise<Response> => {
    begins.push(performance.now() - first_ms);
    await new Promise((resolve) => setTimeout(resolve, 100));
    return new Response(null, { headers: { 'Cache-Status': cacheStatus } });
  };
  const all = Promise.all(Array.from({ length: 6 }, (_, n) => turns.run(username(n), search)));
  await vi.advanceTimersByTimeAsync(5_000);
  await all;
  return begins.map(Math.round);
}

test('searches that Postgres answers leave it three quarters of the time', async () => {
  const begins = await beginsOf('catalog-read; fwd=miss; stored', () => 'ann');
  expect(begins).toEqual([0, 0, 800, 800, 1_600, 1_600]);
});

test('searches that a cache answers need no rest', async () => {
  const begins = await beginsOf('catalog-read; hit; detail=redis', () => 'ann');
  expect(begins.at(-1)).toBeLessThan(300);
});

test('the searches of one person do not wait for those of another', async () => {
  const begins = await beginsOf('catalog-read; fwd=miss; stored', (n) => `person ${n}`);
  expect(begins).toEqual([0, 0, 0, 0, 0, 0]);
});
