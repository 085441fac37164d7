import { expect, test } from 'vitest';
import { claims, controls } from './claims.ts';
import { search } from './state-search.ts';
import { Walk } from './walk.ts';

/** Far beyond what any of these reaches: a walk that stops at it has not proved its claim. */
const enough = 2_000_000;
const timeout_ms = 120_000;

const told = (story: readonly string[] | undefined) => story?.join('\n');

test.each(claims.filter(({ onlyInFull }) => onlyInFull !== true))(
  'holds: $name',
  ({ options, testedStates }) => {
    const result = search(new Walk(options), { maxStates: testedStates ?? enough });
    expect(told(result.story)).toBeUndefined();
    expect(result.complete).toBe(testedStates === undefined);
    expect(result.states).toBeGreaterThan(5_000);
  },
  timeout_ms,
);

test.each(controls)(
  'is refuted: $name',
  ({ options }) => {
    const { violations, story, complete } = search(new Walk(options), { maxStates: enough });
    expect(complete).toBe(true);
    expect(violations).toBeGreaterThan(0);
    expect(story?.at(-1)).toMatch(/^Rule [12] is broken/);
  },
  timeout_ms,
);

test('a violation is told as the shortest schedule that leads to it', () => {
  const plain = controls.find(({ name }) => name === 'plain cache-aside');
  if (plain === undefined) expect.fail('there is no such control');
  const { story } = search(new Walk(plain.options), { maxStates: enough });
  expect(story).toEqual([
    'reader 1 asks: there is nothing to serve, and no lease',
    'reader 1 reads Postgres: value 0 (version 1)',
    'value 1 (version 2) is committed',
    'value 1 (version 2) is applied',
    'reader 1 fills value 0 (version 1): stored, and answers value 0 (version 1)',
    'Rule 2 is broken: Redis holds value 0 (version 1), though value 1 (version 2) has been applied.',
  ]);
});
