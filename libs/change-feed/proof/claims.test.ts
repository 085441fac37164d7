import { search } from '@catalog/testing/model-search';
import { expect, test } from 'vitest';
import { claims, controls } from './claims.ts';

const maxStates = 3_000_000;
const timeout_ms = 120_000;

test.each(claims)(
  'no rule is broken: $name',
  ({ createModel, moreStatesThan }) => {
    const { states, story, complete } = search(createModel(), { maxStates });
    expect(story?.join('\n')).toBeUndefined();
    expect(complete).toBe(true);
    expect(states).toBeGreaterThan(moreStatesThan);
  },
  timeout_ms,
);

test.each(controls)(
  'a rule is broken: $name',
  ({ createModel, breaks }) => {
    const { story, complete } = search(createModel(), { maxStates });
    expect(complete).toBe(true);
    expect(story?.at(-1)).toBe(breaks);
  },
  timeout_ms,
);
