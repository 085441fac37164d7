import { afterAll, beforeEach, expect, test } from 'vitest';
import { runningConsole } from '../testing/running-console.ts';

const running = await runningConsole();
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
  // The state is reused for a second.
  await running.clock.advance(1_000);
});

/** The text of the page without its markup. */
async function page(role: 'admin' | 'viewer' = 'viewer'): Promise<string> {
  const cookie = await running.signIn(role);
  const answer = await running.call('GET', '/', { cookie });
  return (await answer.text()).replaceAll(/<[^>]*>/g, ' ').replaceAll(/\s+/g, ' ');
}

test('the page says that all is well and shows the figures', async () => {
  const jobs = await running.queues.refresh.add('refresh', { keys: [] });
  const text = await page();
  expect(text).toContain('All is well');
  expect(text).toMatch(/invalidation-worker ready \d+ ms/);
  expect(text).toContain('Watermark age 0.25 s');
  expect(text).toContain('Changes not yet applied 0 the outbox is empty');
  expect(text).toContain('refresh 1 0 0 0 0');
  await jobs.remove();
});

test('the page shows the failing checks of a service that is not ready', async () => {
  running.worker.answers['/readyz'] = {
    status: 503,
    body: '{"status":"not ready","checks":{"postgres":"ok","cache":"fails: <ECONNREFUSED>"}}',
  };
  const text = await page();
  expect(text).toContain('invalidation-worker is not ready');
  expect(text).toContain('not ready cache: fails: &lt;ECONNREFUSED&gt;');
});

test('the page shows the warnings of a ready service', async () => {
  running.worker.answers['/readyz'] = {
    status: 200,
    body: '{"status":"ok","checks":{"postgres":"ok"},"warnings":{"doorbell":"silent"}}',
  };
  expect(await page()).toMatch(/invalidation-worker ready doorbell: silent \d+ ms/);
});

test('a service with an invalid answer is shown as "no answer"', async () => {
  running.worker.answers = { '/readyz': { status: 200, body: 'nonsense' } };
  const text = await page();
  expect(text).toContain('invalidation-worker no answer');
  expect(text).toContain('Watermark age unknown');
});

test('a watermark older than the bound is shown as a warning', async () => {
  running.worker.answers['/metrics'] = metrics(2.5, 7);
  const text = await page();
  expect(text).toContain('The cache is behind Postgres');
  expect(text).toContain('Changes not yet applied 7 the oldest is 1.50 s old');
});

test('each service is asked once per second, however many people look', async () => {
  const cookie = await running.signIn('viewer');
  const before = running.worker.requests.length;
  await Promise.all(Array.from({ length: 20 }, () => running.call('GET', '/state', { cookie })));
  // One request for the readiness, one for the metrics as worker and one for the metrics as catalog-read.
  expect(running.worker.requests.length - before).toBe(3);
});

test('only admins see the purge form', async () => {
  expect(await page('viewer')).not.toContain('Purge the cache');
  expect(await page('admin')).toContain('Purge the cache');
});
