import { expect, test } from 'vitest';
import { accountingModel, type Options } from './accounting-model.ts';
import { search } from './search.ts';

const none = { crash: 0, queueLost: 0, doubled: 0, life: 0 };

test.each([
  { changes: 2, faults: { crash: 1, queueLost: 1, doubled: 1, life: 0 } },
  { changes: 2, faults: { ...none, crash: 1, life: 1 } },
  { changes: 2, faults: { ...none, life: 2 } },
  { changes: 3, faults: { ...none, crash: 1 } },
])(
  'no change of $changes is unaccounted for under $faults, in any order of events',
  (options) => {
    const { states, story } = search(accountingModel(options));
    expect(story).toBeUndefined();
    expect(states).toBeGreaterThan(1_000);
  },
  120_000,
);

const applied = 'from here on nothing breaks, and a committed change is never applied';
const known = 'a change counts as applied to a life that does not know it';

test.each<[NonNullable<Options['without']>, Options['faults'], string]>([
  ['claims by state', none, applied],
  ['invalidating first', none, known],
  ['the incarnation in acknowledgements', { ...none, life: 1 }, applied],
  ['the replay', { ...none, life: 1 }, applied],
  ['dispatching again', { ...none, crash: 1 }, applied],
])('without %s one is, after %o', (without, faults, rule) => {
  const { story } = search(accountingModel({ changes: 2, faults, without }));
  expect(story?.at(-1)).toBe(rule);
});
