import { expect, test } from 'vitest';
import { mergeMetrics, mergeReadiness } from './merge.ts';

const head = '# HELP reads_total Reads.\n# TYPE reads_total counter';

test('the samples of a metric stand in one group, under one head', () => {
  const merged = mergeMetrics([
    `${head}\nreads_total{worker="1"} 3\n\n# HELP x X.\n# TYPE x gauge\nx{worker="1"} 0\n`,
    undefined,
    `${head}\nreads_total{worker="2"} 4\n`,
  ]);
  expect(merged).toBe(
    `${head}\nreads_total{worker="1"} 3\nreads_total{worker="2"} 4\n\n# HELP x X.\n# TYPE x gauge\nx{worker="1"} 0\n`,
  );
});

const report = (checks: Record<string, string>, warnings: Record<string, string> = {}) =>
  JSON.stringify({ ready: true, checks, warnings });

test('a worker that is being started again is a warning, one that does not answer is a failed check', () => {
  const answers = new Map([[1, report({ stores: 'ok' })]]);
  expect(mergeReadiness(answers, 2)).toEqual({
    ready: true,
    checks: { stores: 'ok' },
    warnings: { workers: '1 of 2 run' },
  });
  expect(mergeReadiness(new Map([...answers, [2, undefined]]), 2)).toEqual({
    ready: false,
    checks: { stores: 'ok', workers: 'worker 2: no answer' },
    warnings: {},
  });
  expect(mergeReadiness(new Map(), 2)).toMatchObject({ ready: false, checks: { workers: 'none runs' } });
});

test('every failed check and every warning names its worker', () => {
  const answers = new Map([
    [1, report({ stores: 'fails: Error' }, { clock: 'slow' })],
    [2, report({ stores: 'fails: E2' })],
    [3, report({ stores: 'ok' })],
  ]);
  expect(mergeReadiness(answers, 3)).toEqual({
    ready: false,
    checks: { stores: 'worker 1: fails: Error; worker 2: fails: E2' },
    warnings: { clock: 'worker 1: slow' },
  });
});
