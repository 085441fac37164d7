import { describe, expect, test } from 'vitest';
import { ninesOf } from './audit-tally.ts';
import { differenceOf, differingMembers, isWrong } from './judgement.ts';

const payload = (body: object) => Buffer.from(JSON.stringify(body));
const value = (version: number, body: object = { a: 1 }) => ({
  state: 'value' as const,
  version,
  payload: payload(body),
});
const missing = (version: number) => ({ state: 'missing' as const, version, payload: Buffer.alloc(0) });

describe('an entry compared with Postgres', () => {
  test.each([
    ['the same', value(5), { version: 5, payload: payload({ a: 1 }) }, undefined],
    [
      'fields in another order',
      value(5, { a: 1, b: 2 }),
      { version: 5, payload: payload({ b: 2, a: 1 }) },
      undefined,
    ],
    ['an older version', value(4), { version: 5, payload: payload({ a: 1 }) }, 'older'],
    ['a newer version', value(6), { version: 5, payload: payload({ a: 1 }) }, 'newer'],
    ['other content', value(5, { a: 2 }), { version: 5, payload: payload({ a: 1 }) }, 'other'],
    [
      'no JSON',
      { ...value(5), payload: Buffer.from('{') },
      { version: 5, payload: payload({ a: 1 }) },
      'other',
    ],
    ['a row that was deleted', value(5), { version: 6, payload: null }, 'older'],
    ['a row that never existed', value(0), { version: 0, payload: null }, 'other'],
    ['missing in both', missing(6), { version: 6, payload: null }, undefined],
    ['missing, and the tombstone was deleted', missing(6), { version: 0, payload: null }, undefined],
    [
      'missing, and the row was inserted again',
      missing(6),
      { version: 7, payload: payload({ a: 1 }) },
      'older',
    ],
    ['missing, without a version', missing(0), { version: 0, payload: payload({ id: 'x' }) }, 'other'],
  ] as const)('%s', (_name, entry, loaded, difference) => {
    expect(differenceOf(entry, loaded)).toBe(difference);
  });
});

describe('an entry that differs at both looks', () => {
  const entry = (version: number, storedAt_ms: number) => ({
    ...value(version),
    storedAt_ms,
    freshUntil_ms: 0,
    payloadSchema: 1,
    isOfThisIncarnation: true,
    leaseUntil_ms: 0,
  });
  const loaded = (version: number) => ({ version, payload: payload({ a: 1 }) });

  test.each([
    ['is wrong when it is still the entry of the first look', [4, 10, 5], [4, 10, 5], true],
    [
      'is wrong when it was filled again with a value that was old at the first look',
      [4, 10, 6],
      [5, 99, 6],
      true,
    ],
    ['is right when it was replaced and changed once more since', [4, 10, 5], [5, 99, 6], false],
    ['is wrong when it is ahead of Postgres', [9, 10, 5], [9, 99, 5], true],
  ] as const)('%s', (_name, [v1, stored1, pg1], [v2, stored2, pg2], wrong) => {
    const first = { entry: entry(v1, stored1), inPostgres: loaded(pg1) };
    const second = { entry: entry(v2, stored2), inPostgres: loaded(pg2) };
    expect(isWrong({ first, second })).toBe(wrong);
  });
});

test.each([
  [
    'a changed, a new and a gone member',
    { a: 1, b: { c: 1 }, d: 1 },
    { a: 1, b: { c: 2 }, e: 1 },
    ['b', 'd', 'e'],
  ],
  ['equal content', { a: [1] }, { a: [1] }, []],
])('the members that differ are named: %s', (_name, cached, loaded, members) => {
  expect(differingMembers(payload(cached), payload(loaded))).toEqual(members);
});

test('content that is no object, or absent, has no members to compare', () => {
  expect(differingMembers(payload({ a: 1 }), null)).toEqual([]);
  expect(differingMembers(Buffer.from('{'), payload({ a: 1 }))).toEqual([]);
});

test.each([
  [0, 0, 0],
  [2, 0, 0],
  [3_000, 0, 3],
  [3_000, 3, 3],
  [1_000, 10, 2],
  [10, 10, 0],
])('%s checked and %s wrong are %s nines', (checked, wrong, nines) => {
  expect(ninesOf(checked, wrong)).toBe(nines);
});
