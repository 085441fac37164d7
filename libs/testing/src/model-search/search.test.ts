import { expect, test } from 'vitest';
import { type Model, numberedStates } from './model.ts';
import { prove } from './prove.ts';
import { search } from './search.ts';

const sameNumber = { encode: (state: number) => state, decode: (code: number) => code };

/** Counts from 0 in steps of 1 or 3, up to a limit. */
function counter(limit: number, forbidden?: number): Model<number> {
  return {
    initial: 0,
    steps(from, visit) {
      for (const step of [1, 3]) if (from + step <= limit) visit(from + step, () => `adds ${step}`);
    },
    violation: (state) => (state === forbidden ? `${state} is forbidden` : undefined),
    codec: sameNumber,
  };
}

test('visits every state once, however many ways lead to it', () => {
  const result = search(counter(50_000), { maxStates: 100_000 });
  expect(result).toMatchObject({ states: 50_001, complete: true, violations: 0, story: undefined });
  expect(result.steps).toBe(50_000 + 49_998);
});

test('finds a shortest schedule that leads to a violation', () => {
  expect(search(counter(20, 7), { maxStates: 100 })).toMatchObject({
    violations: 1,
    story: ['adds 1', 'adds 3', 'adds 3', '7 is forbidden'],
  });
});

test('says that it is not complete when it had to leave out states', () => {
  expect(search(counter(20), { maxStates: 21 }).complete).toBe(true);
  expect(search(counter(20), { maxStates: 20 })).toMatchObject({ states: 20, complete: false });
});

test('tells codes beyond 32 bits apart', () => {
  const high = 2 ** 45;
  const model: Model<number> = {
    initial: 1,
    steps(from, visit) {
      if (from === 1) for (let i = 0; i < 1_000; i++) visit(1 + i * high * 2 ** -5, () => '');
    },
    violation: () => undefined,
    codec: sameNumber,
  };
  expect(search(model, { maxStates: 5_000 }).states).toBe(1_000);
});

test('takes any plain data as states through numberedStates', () => {
  const model: Model<{ readonly at: number }> = {
    ...counter(0),
    initial: { at: 0 },
    steps: ({ at }, visit) => visit({ at: (at + 1) % 10 }, () => `from ${at}`),
    violation: ({ at }) => (at === 3 ? 'three' : undefined),
    codec: numberedStates(),
  };
  const { states, story } = search(model, { maxStates: 100 });
  expect(states).toBe(4);
  expect(story).toEqual(['from 0', 'from 1', 'from 2', 'three']);
});

test('a proof fails when a claim breaks a rule, and when a control breaks none', () => {
  const holds = { name: 'holds', createModel: () => counter(10) };
  const breaks = { name: 'breaks', createModel: () => counter(10, 4) };
  const lines: string[] = [];
  const print = (line: string) => lines.push(line);
  expect(prove({ title: 'Counter', claims: [holds], controls: [breaks] }, print)).toBe(true);
  expect(prove({ title: 'Counter', claims: [breaks], controls: [breaks] }, print)).toBe(false);
  expect(prove({ title: 'Counter', claims: [holds], controls: [holds] }, print)).toBe(false);
  expect(lines).toContain('      4 is forbidden');
});
