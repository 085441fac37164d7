import { search } from '@catalog/testing/model-search';
import { expect, test } from 'vitest';
import { claims, controls } from './claims.ts';
import { EntryModel } from './entry-model.ts';

/** Far more than any of these searches needs: a search that stops here has proved nothing. */
const enough = 2_000_000;
const timeout_ms = 120_000;

test.each(claims.filter(({ onlyInProve }) => onlyInProve !== true))(
  'no rule is broken: $name',
  ({ options, testedStates }) => {
    const result = search(new EntryModel(options), { maxStates: testedStates ?? enough });
    expect(result.story?.join('\n')).toBeUndefined();
    expect(result.complete).toBe(testedStates === undefined);
    expect(result.states).toBeGreaterThan(5_000);
  },
  timeout_ms,
);

test.each(controls)(
  'a rule is broken: $name',
  ({ options }) => {
    const { violations, story, complete } = search(new EntryModel(options), { maxStates: enough });
    expect(complete).toBe(true);
    expect(violations).toBeGreaterThan(0);
    expect(story?.at(-1)).toMatch(/^Rule [12] is broken/);
  },
  timeout_ms,
);

test('the search finds the shortest schedule that breaks plain cache-aside', () => {
  const plain = controls.find(({ name }) => name === 'plain cache-aside');
  if (plain === undefined) expect.fail('no control is named "plain cache-aside"');
  const { story } = search(new EntryModel(plain.options), { maxStates: enough });
  expect(story).toEqual([
    'reader 1 reads Redis: miss, without a lease',
    'reader 1 reads Postgres: value 0 (version 1)',
    'Postgres commits value 1 (version 2)',
    'the worker applies value 1 (version 2)',
    'reader 1 fills value 0 (version 1): stored; answers value 0 (version 1)',
    'Rule 2 is broken: Redis holds value 0 (version 1) after the worker applied value 1 (version 2).',
  ]);
});
