import { expect, test } from 'vitest';
import { doorbellModel, type Options } from './doorbell-model.ts';
import { search } from './search.ts';

test.each([
  { writers: 3, relays: 1 },
  { writers: 3, relays: 2 },
])('$relays relays sleep through no commit of $writers writers, in any order of events', (options) => {
  const { states, story } = search(doorbellModel(options));
  expect(story).toBeUndefined();
  expect(states).toBeGreaterThan(500);
});

test.each<NonNullable<Options['without']>>([
  'asking who writes',
  'waiting for the release',
  'asking before the look',
  'ringing',
])('without %s they do', (without) => {
  const { story } = search(doorbellModel({ writers: 3, relays: 1, without }));
  expect(story?.at(-1)).toBe('a change is committed, every relay sleeps, and nobody has rung');
});
