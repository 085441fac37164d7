/** Plots staleness and errors over the time of one row. */
import { lineChart } from '@catalog/testing';
import type { Staleness } from '../history/staleness.ts';
import type { RowResult } from '../run-row.ts';

const bucket_ms = 100;
type Point = readonly [at_ms: number, value: number];

export function timeline({ row, history, fault }: RowResult, staleness: readonly Staleness[]): string {
  const start_ms = history.reduce((first, operation) => Math.min(first, operation.start_ms), fault.from_ms);
  const behind = (stale: boolean) =>
    staleness
      .filter(({ read }) => (read.stale === true) === stale)
      .map(({ read, behind_ms }): Point => [read.start_ms - start_ms, behind_ms]);
  const failed = history
    .filter(({ kind, outcome }) => kind === 'read' && outcome !== 'ok')
    .map((read): Point => [read.start_ms - start_ms, 1]);
  const [from_s, to_s] = [fault.from_ms, fault.to_ms].map((at_ms) => ((at_ms - start_ms) / 1000).toFixed(1));
  return lineChart(
    `Row ${row.id}: ${row.fault} (${from_s} … ${to_s} s)`,
    { x: 's', y: 'staleness in ms; failed reads per 100 ms' },
    [
      { label: 'staleness of unmarked answers', points: inBuckets(behind(false), Math.max) },
      { label: 'staleness of answers marked stale', points: inBuckets(behind(true), Math.max) },
      { label: 'failed reads', points: inBuckets(failed, (before, value) => before + value) },
    ],
  );
}

function inBuckets(
  points: readonly Point[],
  combine: (before: number, value: number) => number,
): [number, number][] {
  const buckets = new Map<number, number>();
  for (const [at_ms, value] of points) {
    const bucket = Math.floor(at_ms / bucket_ms);
    buckets.set(bucket, combine(buckets.get(bucket) ?? 0, value));
  }
  const last = Math.max(0, ...buckets.keys());
  return Array.from({ length: last + 1 }, (_, bucket): [number, number] => [
    (bucket * bucket_ms) / 1000,
    buckets.get(bucket) ?? 0,
  ]);
}
