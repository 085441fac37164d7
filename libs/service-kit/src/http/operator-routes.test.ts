/** What anybody may ask without a token costs the same, however many ask. */
import { expect, test } from 'vitest';
import { startTestService } from './service.fixture.ts';

test('many who ask for readiness share one run of its checks, and each sees what was true when it asked', async () => {
  await using service = await startTestService({});
  let runs = 0;
  let isWell = true;
  service.readiness.add('store', async () => {
    runs += 1;
    if (!isWell) throw new Error('gone');
  });
  const ask = async () => (await fetch(`${service.url}/readyz`)).status;
  const began_ms = performance.now();
  let asked = 0;
  const askOften = async () => {
    for (let n = 0; n < 5; n++, asked++) expect(await ask()).toBe(200);
  };
  await Promise.all(Array.from({ length: 20 }, askOften));
  expect(asked).toBe(100);
  expect(runs).toBeLessThanOrEqual((performance.now() - began_ms) / 50 + 1);
  isWell = false;
  expect(await ask()).toBe(503);
  isWell = true;
  expect(await ask()).toBe(200);
});

test('many who ask for metrics share one text, and each sees what was counted before it asked', async () => {
  await using service = await startTestService({});
  let texts = 0;
  const { registry } = service.metrics;
  const make = registry.metrics.bind(registry);
  registry.metrics = () => {
    texts += 1;
    return make();
  };
  const ask = async () => (await fetch(`${service.url}/metrics`)).text();
  const began_ms = performance.now();
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let n = 0; n < 3; n++) await ask();
    }),
  );
  expect(texts).toBeLessThanOrEqual((performance.now() - began_ms) / 50 + 1);
  const counted = async () =>
    Number(
      /^http_request_duration_seconds_count\{[^}]*route="\/livez"[^}]*\} (\d+)$/m.exec(await ask())?.[1] ?? 0,
    );
  const before = await counted();
  await fetch(`${service.url}/livez`);
  expect(await counted()).toBe(before + 1);
});

test('a service that is not ready logs so once, and when it is ready again, however often it is asked', async () => {
  await using service = await startTestService({});
  let isWell = true;
  service.readiness.add('store', () => {
    if (!isWell) throw Object.assign(new Error('gone'), { code: 'ECONNREFUSED' });
  });
  for (const next of [true, false, true]) {
    isWell = next;
    for (let n = 0; n < 5; n++) expect((await fetch(`${service.url}/readyz`)).status).toBe(next ? 200 : 503);
  }
  const lines = service.logLines.map((line) => JSON.parse(line) as { msg: string; checks?: unknown });
  expect(lines.slice(-2)).toMatchObject([
    { msg: 'not ready', checks: { store: 'fails: ECONNREFUSED' } },
    { msg: 'ready again' },
  ]);
  expect(lines.filter(({ msg }) => /ready|request/.test(msg))).toHaveLength(2);
});
