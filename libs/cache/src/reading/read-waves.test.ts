import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { limits } from '../timings.ts';
import { ReadWaves } from './read-waves.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** Servers of the cache, and the order in which reads are sent to them. `b2` is the read of server b in the second turn. */
function servers() {
  const waves = new ReadWaves();
  const sent: string[] = [];
  const answers = new Map<string, () => void>();
  return {
    sent,
    join(name: string) {
      waves.join(() => {
        sent.push(name);
        return new Promise((resolve) => answers.set(name, resolve));
      });
    },
    async answer(name: string) {
      answers.get(name)?.();
      await nextTurn();
    },
  };
}

test('the reads of one turn are sent together, to all servers', async () => {
  const { sent, join } = servers();
  join('a1');
  join('b1');
  expect(sent).toEqual([]);
  await nextTurn();
  expect(sent).toEqual(['a1', 'b1']);
});

test('while two waves are under way, reads of all servers wait for the first answer', async () => {
  const { sent, join, answer } = servers();
  for (const turn of [1, 2, 3]) {
    join(`a${turn}`);
    join(`b${turn}`);
    await nextTurn();
  }
  join('c4');
  await nextTurn();
  expect(sent).toEqual(['a1', 'b1', 'a2', 'b2']);
  await answer('a1');
  expect(sent.slice(4)).toEqual(['a3', 'b3', 'c4']);
  // The other answer of a wave that is over makes no room.
  join('a5');
  await nextTurn();
  await answer('b1');
  expect(sent).toHaveLength(7);
  await answer('b2');
  expect(sent.slice(7)).toEqual(['a5']);
});

test('if no server answers, reads wait only for a moment', async () => {
  const { sent, join } = servers();
  for (const turn of [1, 2, 3]) {
    join(`a${turn}`);
    await nextTurn();
  }
  vi.advanceTimersByTime(limits.readsHeld_ms - 1);
  expect(sent).toHaveLength(2);
  vi.advanceTimersByTime(1);
  expect(sent).toEqual(['a1', 'a2', 'a3']);
});
