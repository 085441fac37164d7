import { expect, test } from 'vitest';
import type { Trace } from '../keys/traces.ts';
import { emptyList, pausedOrNot, tracesIn, withLatest, withRefreshed, withRow } from './change-list.ts';

/** A change that was applied this many seconds after noon. Its number is no measure of time. */
function trace(seq: number, applied_s: number): Trace {
  const at = new Date(Date.UTC(2026, 10, 30, 12, 0, applied_s)).toISOString();
  return {
    seq,
    entity: 'product',
    key: `product:${seq}`,
    version: seq,
    changedAt: at,
    committedAt: at,
    rungAt: null,
    claimedAt: at,
    queuedAt: at,
    appliedAt: at,
    refreshedAt: null,
    dispatches: 1,
  };
}
const seqs = ({ rows }: { rows: typeof emptyList.rows }) => tracesIn(rows).map(({ seq }) => seq);

test('a change that is both loaded and live is one row', () => {
  const loaded = withLatest(emptyList, [trace(7, 2), trace(3, 1)]);
  expect(seqs(withRow(loaded, { trace: trace(7, 2) }))).toEqual([7, 3]);
  expect(seqs(withLatest(withRow(emptyList, { trace: trace(7, 2) }), [trace(7, 2), trace(3, 1)]))).toEqual([
    7, 3,
  ]);
});

test('changes from a gap of the stream get their places between those before and after it', () => {
  const before = withRow(emptyList, { trace: trace(9, 1) });
  const after = withRow(before, { trace: trace(1, 5) });
  const noted = withRow(after, { note: '40 more', at: 1 });
  const filled = withLatest(noted, [trace(1, 5), trace(4, 3), trace(6, 2), trace(9, 1)]);
  expect(seqs(filled)).toEqual([1, 4, 6, 9]);
  expect(filled.rows[0]).toEqual({ note: '40 more', at: 1 });
});

test('a paused list stays as it is, and goes on with what has arrived', () => {
  const paused = pausedOrNot(withRow(emptyList, { trace: trace(1, 1) }));
  const later = withLatest(withRow(paused, { trace: trace(3, 3) }), [trace(2, 2), trace(1, 1)]);
  expect([seqs(later), later.held?.length]).toEqual([[1], 2]);
  expect(seqs(pausedOrNot(later))).toEqual([3, 2, 1]);
});

test('a refresh is noted in its row, also in one that is held', () => {
  const at = '2026-11-30T12:00:09.000Z';
  const paused = pausedOrNot(withRow(emptyList, { trace: trace(1, 1) }));
  const marked = withRefreshed(withRow(paused, { trace: trace(2, 2) }), 2, at);
  expect(tracesIn(pausedOrNot(marked).rows).map(({ refreshedAt }) => refreshedAt)).toEqual([at, null]);
});
