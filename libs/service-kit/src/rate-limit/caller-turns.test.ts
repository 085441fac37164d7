import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { CallerTurns } from './caller-turns.ts';

const options = { what: 'requests', atOnce: 2, waiting: 3, wait_ms: 10_000 };

/** Work that runs until the test ends it. */
function worker(turns: CallerTurns) {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    begun,
    async work(caller: string, name: string, until_ms?: number): Promise<void> {
      using _turn = await turns.take(caller, until_ms);
      begun.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
    },
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await nextTurn();
    },
  };
}

test('the work of one caller waits for its earlier work, and that of another caller begins at once', async () => {
  const { begun, work, end } = worker(new CallerTurns(options));
  const all = ['a1', 'a2', 'a3', 'a4'].map((name) => work('a', name));
  all.push(work('b', 'b1'));
  await nextTurn();
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  await end('a2');
  expect(begun).toEqual(['a1', 'a2', 'b1', 'a3']);
  await end('b1');
  expect(begun).toHaveLength(4);
  for (const name of ['a1', 'a3', 'a4']) await end(name);
  await Promise.all(all);
  // No work runs, so all turns are free again.
  const again = ['a5', 'a6'].map((name) => work('a', name));
  await nextTurn();
  expect(begun.slice(-2)).toEqual(['a5', 'a6']);
  for (const name of ['a5', 'a6']) await end(name);
  await Promise.all(again);
});

test('a caller with too much waiting work is refused, and another caller is not', async () => {
  const { begun, work, end } = worker(new CallerTurns(options));
  const names = ['a1', 'a2', 'a3', 'a4', 'a5'];
  const all = names.map((name) => work('a', name));
  await expect(work('a', 'a6')).rejects.toMatchObject({
    code: 'rate_limited',
    message:
      'This caller has 2 requests under way, the most that it may have at once, and 3 more of its requests wait for their turn, the most that may.',
    retryAfterSeconds: 1,
  });
  all.push(work('b', 'b1'));
  await nextTurn();
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  for (const name of [...names, 'b1']) await end(name);
  await Promise.all(all);
});

test('work that waits for too long is refused, and so is that of a caller who gives up; neither keeps a turn', async () => {
  const { begun, work, end } = worker(new CallerTurns({ ...options, wait_ms: 20 }));
  const running = ['a1', 'a2'].map((name) => work('a', name));
  await Promise.all([
    expect(work('a', 'late')).rejects.toMatchObject({ code: 'rate_limited' }),
    expect(work('a', 'gone', performance.now() + 5)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('Request-Timeout-Ms') as string,
    }),
  ]);
  await expect(work('a', 'never', performance.now())).rejects.toMatchObject({ code: 'unavailable' });
  const next = work('a', 'a3');
  await nextTurn();
  expect(begun).toEqual(['a1', 'a2']);
  await end('a1');
  expect(begun).toEqual(['a1', 'a2', 'a3']);
  for (const name of ['a2', 'a3']) await end(name);
  await Promise.all([...running, next]);
});

test('ending a turn twice frees only one turn', async () => {
  const turns = new CallerTurns({ ...options, waiting: 0 });
  const [first, second] = [await turns.take('a'), await turns.take('a')];
  first[Symbol.dispose]();
  const third = await turns.take('a');
  first[Symbol.dispose]();
  expect(() => turns.take('a')).toThrow(expect.objectContaining({ code: 'rate_limited' }));
  for (const turn of [second, third]) turn[Symbol.dispose]();
});
