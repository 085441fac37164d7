import { search } from '@catalog/testing/model-search';
import { expect, test } from 'vitest';
import { claims, controls } from './claims.ts';
import { shardModel } from './shard-model.ts';

const enough = 2_000_000;
/** The first story of a broken rule is found within these. */
const someStates = 200_000;
const timeout_ms = 120_000;

test.each(claims)(
  'no rule is broken: $name',
  ({ options, testedStates }) => {
    const { story, complete, states } = search(shardModel(options), { maxStates: testedStates ?? enough });
    expect(story?.join('\n')).toBeUndefined();
    expect(complete).toBe(testedStates === undefined);
    expect(states).toBeGreaterThan(5_000);
  },
  timeout_ms,
);

test.each(controls)(
  'a rule is broken: $name',
  ({ options }) => {
    const { story } = search(shardModel(options), { maxStates: someStates });
    expect(story?.at(-1)).toMatch(/^Rule 3 is broken/);
  },
  timeout_ms,
);
