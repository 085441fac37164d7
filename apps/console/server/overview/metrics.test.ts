import { expect, test } from 'vitest';
import { buckets, byProcess, figure, highest, quantile } from './metrics.ts';
import { readersOf } from './readers.ts';

const text = (counts: Record<string, number>) =>
  Object.entries(counts)
    .map(([bound, count]) => `wait_seconds_bucket{le="${bound}",service="worker"} ${count}`)
    .join('\n');
const at = (counts: Record<string, number>) => buckets(text(counts), 'wait_seconds');

test('a quantile is that of the events between two looks', () => {
  const before = at({ '0.1': 1_000, '0.2': 1_000, '+Inf': 1_000 });
  const now = at({ '0.1': 1_050, '0.2': 1_100, '+Inf': 1_100 });
  expect(quantile(before, now, 0.25)).toBeCloseTo(0.05);
  expect(quantile(before, now, 0.5)).toBeCloseTo(0.1);
  expect(quantile(before, now, 0.75)).toBeCloseTo(0.15);
  expect(quantile(before, now, 1)).toBeCloseTo(0.2);
});

test('beyond the last bound it is that bound', () => {
  expect(quantile(new Map(), at({ '0.1': 0, '+Inf': 3 }), 0.5)).toBe(0.1);
});

test('without an event, without the histogram, and behind a restart it is unknown', () => {
  const some = at({ '0.1': 5, '+Inf': 5 });
  expect(quantile(some, some, 0.5)).toBeUndefined();
  expect(quantile(new Map(), at({}), 0.5)).toBeUndefined();
  expect(quantile(some, at({ '0.1': 2, '+Inf': 2 }), 0.5)).toBeUndefined();
});

const reads = [
  'near_cache_sound{service="catalog-read",worker="1"} 1',
  'near_cache_sound{service="catalog-read",worker="10"} 0',
  'near_cache_sound{service="catalog-read",worker="2"} 1',
  'cache_watermark_age_seconds{service="catalog-read",worker="1"} 0.4',
  'cache_watermark_age_seconds{service="catalog-read",worker="2"} 0.3',
  'cache_watermark_age_seconds{service="catalog-read",worker="10"} Nan',
  'near_cache_entries{service="catalog-read",worker="1"} 97',
].join('\n');

test('the age of the watermark is that of the process that is farthest behind, not the sum of all', () => {
  expect(highest(reads, 'cache_watermark_age_seconds')).toBe(0.4);
  expect(figure(reads, 'near_cache_entries')).toBe(97);
  expect(highest(reads, 'no_such_metric')).toBeUndefined();
});

test('each process of catalog-read is a reader, and one that hears nothing is not sound', () => {
  expect(readersOf(reads)).toEqual([
    { name: '1', isSound: true, watermarkAgeSeconds: 0.4, nearEntries: 97 },
    { name: '2', isSound: true, watermarkAgeSeconds: 0.3, nearEntries: 0 },
    { name: '10', isSound: false, watermarkAgeSeconds: null, nearEntries: 0 },
  ]);
  expect(readersOf('')).toEqual([]);
  expect(byProcess('near_cache_sound{service="catalog-read"} 1', 'near_cache_sound')).toEqual(
    new Map([['1', 1]]),
  );
});
