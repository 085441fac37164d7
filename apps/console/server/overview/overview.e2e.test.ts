import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runningConsole, type RunningConsole } from '../testing/running-console.ts';

let running: RunningConsole;
beforeAll(async () => {
  running = await runningConsole();
});
afterAll(() => running[Symbol.asyncDispose]());

const ready = { status: 200, body: '{"status":"ok","checks":{"postgres":"ok"}}' };
const metrics = (age_s: number, unapplied = 0) => ({
  status: 200,
  body: [
    '# HELP cache_watermark_age_seconds x',
    `cache_watermark_age_seconds{service="catalog-read"} ${age_s}`,
    `outbox_unapplied_changes{service="invalidation-worker"} ${unapplied}`,
    'outbox_oldest_unapplied_seconds{service="invalidation-worker"} 1.5',
  ].join('\n'),
});

beforeEach(async () => {
  running.worker.answers = { '/readyz': ready, '/metrics': metrics(0.25) };
  // What was asked a second ago is believed.
  await running.clock.advance(1_000);
});

/** The text of the page without its markup. */
async function page(role: 'admin' | 'viewer' = 'viewer'): Promise<string> {
  const cookie = await running.signIn(role);
  const answer = await running.call('GET', '/', { cookie });
  return (await answer.text()).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
}

test('when all is well, the page says so, with the figures', async () => {
  const jobs = await running.queues.refresh.add('refresh', { keys: [] });
  const text = await page();
  expect(text).toContain('All is well');
  expect(text).toMatch(/invalidation-worker ready \d+ ms/);
  expect(text).toContain('Watermark age 0.25 s');
  expect(text).toContain('Changes not yet applied 0 the outbox is empty');
  expect(text).toContain('refresh 1 0 0 0 0');
  await jobs.remove();
});

test('a service that is not ready says what is not right', async () => {
  running.worker.answers['/readyz'] = {
    status: 503,
    body: '{"status":"not ready","checks":{"postgres":"ok","cache":"fails: <ECONNREFUSED>"}}',
  };
  const text = await page();
  expect(text).toContain('invalidation-worker is not ready');
  expect(text).toContain('not ready cache: fails: &lt;ECONNREFUSED&gt;');
});

test('a service that is ready may warn', async () => {
  running.worker.answers['/readyz'] = {
    status: 200,
    body: '{"status":"ok","checks":{"postgres":"ok"},"warnings":{"doorbell":"silent"}}',
  };
  expect(await page()).toMatch(/invalidation-worker ready doorbell: silent \d+ ms/);
});

test('a service that answers nonsense or nothing is said to give no answer', async () => {
  running.worker.answers = { '/readyz': { status: 200, body: 'nonsense' } };
  const text = await page();
  expect(text).toContain('invalidation-worker no answer');
  expect(text).toContain('Watermark age unknown');
});

test('a watermark older than the bound is no good news', async () => {
  running.worker.answers['/metrics'] = metrics(2.5, 7);
  const text = await page();
  expect(text).toContain('The cache is behind Postgres');
  expect(text).toContain('Changes not yet applied 7 the oldest is 1.50 s old');
});

test('however many look, each service is asked once a second', async () => {
  const cookie = await running.signIn('viewer');
  const before = running.worker.requests.length;
  await Promise.all(Array.from({ length: 20 }, () => running.call('GET', '/state', { cookie })));
  // Its readiness, and its metrics as worker and as reader.
  expect(running.worker.requests.length - before).toBe(3);
});

test('the purge form is for admins', async () => {
  expect(await page('viewer')).not.toContain('Purge the cache');
  expect(await page('admin')).toContain('Purge the cache');
});
