import { manualClock } from '@catalog/testing';
import { expect, test } from 'vitest';
import { failureReporter } from './report-failure.ts';

function reporter() {
  const clock = manualClock();
  const lines: string[] = [];
  let counted = 0;
  const write =
    (level: string) =>
    ({ err, ...fields }: { err?: Error }, message: string) =>
      void lines.push(`${level} ${message} ${JSON.stringify(fields)} ${err?.message ?? ''}`.trim());
  const reportFailure = failureReporter({
    log: { info: write('info') as never, warn: write('warn') as never },
    clock,
    count: () => (counted += 1),
  });
  return { clock, lines, reportFailure, counted: () => counted };
}

const refused = () => Object.assign(new Error('connect failed'), { code: 'ECONNREFUSED' });

test('an outage logs one line when it begins and one with the count when it has ended, and counts each failure', async () => {
  const { clock, lines, reportFailure, counted } = reporter();
  const report = reportFailure('relay');
  for (let failures = 0; failures < 80; failures += 1) {
    report(refused());
    await clock.advance(250);
  }
  expect(lines).toEqual(['warn a part fails, and tries again {"part":"relay"} connect failed']);
  await clock.advance(10_000);
  expect(lines.slice(1)).toEqual(['info the part works again {"part":"relay","failures":80,"seconds":30}']);
  expect(counted()).toBe(80);
  report(refused());
  expect(lines).toHaveLength(3);
});

test('a failure of another kind gets its own line, and a changing number in its text does not', () => {
  const { lines, reportFailure } = reporter();
  const report = reportFailure('relay');
  report(refused());
  for (let line = 0; line < 9; line += 1) report(new Error(`no answer after ${line} ms`));
  report(new TypeError('a bug'));
  report(refused());
  expect(lines).toHaveLength(3);
  for (let line = 0; line < 26; line += 1) report(new Error(String.fromCodePoint(97 + line)));
  expect(lines).toHaveLength(5);
});

test('a part that tries once a minute works again when it has not failed for two minutes', async () => {
  const { clock, lines, reportFailure } = reporter();
  const report = reportFailure('views', { tries_ms: 60_000 });
  report(refused());
  await clock.advance(60_000);
  report(refused());
  await clock.advance(119_999);
  expect(lines).toHaveLength(1);
  await clock.advance(1);
  expect(lines).toHaveLength(2);
});

test('each part has its own outage', () => {
  const { lines, reportFailure } = reporter();
  reportFailure('relay')(refused());
  reportFailure('heartbeat')(refused());
  expect(lines).toHaveLength(2);
});
