import { expect, test } from 'vitest';
import { search, type System } from './state-search.ts';

/** Counts from 0 by steps of 1 or 3, up to a limit. */
function counter(limit: number, forbidden?: number): System {
  return {
    initial: 0,
    successors(from, visit) {
      for (const step of [1, 3]) if (from + step <= limit) visit(from + step);
    },
    violation: (state) => (state === forbidden ? `${state} is forbidden` : undefined),
    story: (path) => path.map(String),
  };
}

test('every state is seen once, however many ways lead to it', () => {
  const result = search(counter(50_000), { maxStates: 100_000 });
  expect(result).toMatchObject({ states: 50_001, complete: true, violations: 0, story: undefined });
  expect(result.steps).toBe(50_000 + 49_998);
});

test('the first violation is reached by a shortest path', () => {
  expect(search(counter(20, 7), { maxStates: 100 })).toMatchObject({
    violations: 1,
    story: ['0', '1', '4', '7'],
  });
});

test('a search that had to leave states out says that it is not complete', () => {
  expect(search(counter(20), { maxStates: 21 }).complete).toBe(true);
  expect(search(counter(20), { maxStates: 20 })).toMatchObject({ states: 20, complete: false });
});

test('codes beyond 32 bits are told apart', () => {
  const high = 2 ** 45;
  const system: System = {
    initial: 1,
    successors(from, visit) {
      if (from === 1) for (let i = 0; i < 1_000; i++) visit(1 + i * high * 2 ** -5);
    },
    violation: () => undefined,
    story: () => [],
  };
  expect(search(system, { maxStates: 5_000 }).states).toBe(1_000);
});
