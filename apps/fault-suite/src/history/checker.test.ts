import { describe, expect, test } from 'vitest';
import { check, staleness_ms } from './checker.ts';
import type { Operation } from './operation.ts';

const operation = (change: Partial<Operation>): Operation => ({
  client: 'c',
  process: 'p',
  key: 'k',
  kind: 'read',
  start_ms: 0,
  end_ms: 1,
  outcome: 'ok',
  present: true,
  stale: false,
  ...change,
});
const read = (start_ms: number, version: number, change: Partial<Operation> = {}) =>
  operation({ start_ms, end_ms: start_ms + 1, version, ...change });
const write = (start_ms: number, version: number, change: Partial<Operation> = {}) =>
  operation({ kind: 'write', process: '', start_ms, end_ms: start_ms + 1, version, ...change });
const judge = (history: Operation[], final = 100) =>
  check(history, { bound_ms: 2_000, final: new Map([['k', final]]), readsThatSucceed: 0.999 }).map(
    ({ invariant }) => invariant,
  );

test('a correct history has no violation', () => {
  expect(judge([read(0, 1), write(10, 2), read(20, 1), read(500, 2), read(5_000, 2)])).toEqual([]);
});

test('I2: finds a version that goes back in one process, but not in another process or in parallel reads', () => {
  expect(judge([read(0, 2), read(10, 1)])).toEqual(['I2']);
  expect(judge([read(0, 2), read(10, 1, { stale: true })])).toEqual(['I2']);
  expect(judge([read(0, 2), read(10, 1, { process: 'another' })])).toEqual([]);
  expect(judge([read(0, 2, { end_ms: 20 }), read(10, 1)])).toEqual([]);
});

test('I2: finds a version that goes back across processes for a client that always sends Min-Version', () => {
  const other = { process: 'another' };
  const always = { alwaysSendsMinVersion: true, minVersion: 2 } as const;
  expect(judge([read(0, 2, always), read(10, 1, { ...always, ...other, minVersion: 1 })])).toEqual(['I2']);
  expect(judge([read(0, 2, always), read(10, 2, { ...always, ...other })])).toEqual([]);
  expect(judge([read(0, 2, always), read(10, 1, other)])).toEqual([]);
  expect(
    judge([read(0, 2, always), read(10, 1, { alwaysSendsMinVersion: true, ...other, client: 'another' })]),
  ).toEqual([]);
});

test('I3: finds an answer below Min-Version, and an acknowledged version that is not reached', () => {
  expect(judge([read(0, 1, { minVersion: 2 })])).toEqual(['I3']);
  expect(judge([read(0, 2, { minVersion: 2 })])).toEqual([]);
  const refused = operation({ minVersion: 2, outcome: 'failed' });
  expect(judge([refused])).toEqual([]);
  expect(judge([{ ...refused, unreached: true }])).toEqual(['I3']);
});

test('I3: finds a writer that does not read its own write back from another process', () => {
  expect(judge([write(0, 2), read(2, 2, { minVersion: 2 })])).toEqual([]);
  expect(judge([write(0, 2), read(2, 1, { minVersion: 2, process: 'another' })])).toEqual(['I3']);
});

test('I4: finds a row that is still served after its delete and the bound', () => {
  expect(judge([write(0, 2, { kind: 'delete' }), read(2_002, 1)])).toEqual(['I4']);
  expect(judge([write(0, 2, { kind: 'delete' }), read(2_002, 2, { present: false })])).toEqual([]);
});

test('I5: finds an acknowledged change that Postgres does not hold', () => {
  expect(judge([write(0, 101)])).toEqual(['I5']);
  expect(judge([write(0, 101, { outcome: 'unknown' })])).toEqual([]);
});

test('I6: finds an answer older than the bound, unless it is marked stale or was asked for earlier', () => {
  expect(judge([write(0, 2), read(2_001, 1)])).toEqual(['I6']);
  expect(judge([write(0, 2), read(2_000, 1)])).toEqual([]);
  expect(judge([write(0, 2), read(9_000, 1, { stale: true })])).toEqual([]);
});

test('I8: finds too many failed reads', () => {
  const good = Array.from({ length: 998 }, (_, index) => read(index * 2, 1));
  const bad = read(3_000, 0, { outcome: 'failed' });
  expect(judge([...good, bad])).toEqual(['I8']);
  expect(judge([...good, ...good, bad])).toEqual([]);
});

test('I8 does not count reads that demand a version', () => {
  const good = Array.from({ length: 998 }, (_, index) => read(index * 2, 1));
  expect(judge([...good, read(3_000, 0, { outcome: 'failed', minVersion: 2 })])).toEqual([]);
});

test('staleness counts from the oldest change that the answer lacks', () => {
  const changes = [write(0, 2), write(100, 3)];
  expect(staleness_ms(read(500, 1), changes)).toBe(499);
  expect(staleness_ms(read(500, 2), changes)).toBe(399);
  expect(staleness_ms(read(500, 3), changes)).toBe(0);
});

describe('when Postgres has gone back', () => {
  const setBack = { at_ms: 1_000, survived: new Map([['k', 5]]), firstVersion: 1_000 };
  const judgeAfter = (history: Operation[], final = 2_000, setBacks = [setBack]) =>
    check(history, {
      bound_ms: 2_000,
      final: new Map([['k', final]]),
      readsThatSucceed: 0.999,
      setBacks,
    }).map(({ invariant }) => invariant);

  test('a lost change, reads of it and later reads of the older version are no violations', () => {
    expect(judge([read(0, 5), write(500, 6), read(600, 6), read(1_500, 5)], 5)).toContain('I2');
    expect(judgeAfter([read(0, 5), write(500, 6), read(600, 6), read(1_500, 6), read(1_600, 5)], 5)).toEqual(
      [],
    );
    expect(judgeAfter([read(600, 6), read(1_500, 5, { minVersion: 6 })], 5)).toEqual([]);
  });

  test('I6: finds a lost version that is served when every reader should have followed', () => {
    expect(judgeAfter([read(12_000, 6)])).toEqual(['I6']);
    expect(judgeAfter([read(12_000, 6, { stale: true })])).toEqual([]);
  });

  test('I2: finds a version that goes back before the failover, and one that goes back after it', () => {
    expect(judgeAfter([read(0, 7), read(100, 6)])).toEqual(['I2']);
    expect(judgeAfter([read(1_500, 1_001), read(1_600, 5)])).toEqual(['I2']);
  });

  test('a version that the first of two failovers has lost may be read until the readers follow', () => {
    const second = { at_ms: 20_000, survived: new Map([['k', 1_001]]), firstVersion: 2_000 };
    const history = [read(600, 6), read(1_500, 6), read(1_600, 5), read(19_000, 1_001), read(21_000, 2_001)];
    expect(judgeAfter(history, 2_001, [setBack, second])).toEqual([]);
    expect(judgeAfter([read(15_000, 1_002), read(16_000, 1_001)], 2_001, [setBack, second])).toEqual(['I2']);
  });

  test('I2: finds a process that shows a lost version again after it has followed', () => {
    expect(judgeAfter([read(1_500, 6), read(1_600, 1_001), read(1_700, 6)])).toEqual(['I2']);
    expect(judgeAfter([read(1_500, 1_001), read(1_600, 6, { process: 'other' })])).toEqual([]);
  });

  test('I5 and I6: changes that survived, and those after the failover, are judged as usual', () => {
    expect(judgeAfter([write(1_500, 1_001)], 5)).toEqual(['I5']);
    expect(judgeAfter([write(1_500, 1_001), read(4_000, 5)])).toEqual(['I6']);
    expect(judgeAfter([write(100, 5), read(2_500, 4)])).toEqual(['I6']);
  });
});
