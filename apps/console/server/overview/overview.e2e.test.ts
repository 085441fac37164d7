import { afterAll, beforeEach, expect, test } from 'vitest';
import type { SystemState } from './state.ts';
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

async function state(): Promise<SystemState> {
  const cookie = await running.signIn('viewer');
  return (await (await running.call('GET', '/api/state', { cookie })).json()) as SystemState;
}

test('the state holds the services, the queues and the figures', async () => {
  const job = await running.queues.refresh.add('refresh', { keys: [] });
  const { services, queues, feed } = await state();
  expect(services).toMatchObject([{ name: 'invalidation-worker', state: 'ready', failing: {} }]);
  expect(feed).toEqual({ watermarkAgeSeconds: 0.25, unapplied: 0, oldestUnappliedSeconds: 1.5 });
  expect(queues[1]).toEqual({
    name: 'refresh',
    counts: { waiting: 1, active: 0, delayed: 0, failed: 0, completed: 0 },
  });
  await job.remove();
});

test('there are no nines before the first entry is audited', async () => {
  const nines = async (...lines: string[]) => {
    running.worker.answers['/metrics'] = { status: 200, body: lines.join('\n') };
    await running.clock.advance(1_000);
    return (await state()).feed.nines;
  };
  expect(await nines('audit_nines 0')).toBeUndefined();
  expect(await nines('audited_entries_total{outcome="right"} 1000', 'audit_nines 2.5')).toBe(2.5);
});

test('the state tells how fast each store answers', async () => {
  const { stores } = await state();
  expect(Object.keys(stores).toSorted()).toEqual(['postgresMs', 'stateRedisMs']);
  for (const took_ms of Object.values(stores)) expect(took_ms).toBeGreaterThan(0);
});

test('a service that is not ready says which of its checks fail', async () => {
  running.worker.answers['/readyz'] = {
    status: 503,
    body: '{"status":"not ready","checks":{"postgres":"ok","cache":"fails: <ECONNREFUSED>"}}',
  };
  expect((await state()).services).toMatchObject([
    { state: 'not ready', failing: { cache: 'fails: <ECONNREFUSED>' } },
  ]);
});

test('a ready service may have warnings', async () => {
  running.worker.answers['/readyz'] = {
    status: 200,
    body: '{"status":"ok","checks":{"postgres":"ok"},"warnings":{"doorbell":"silent"}}',
  };
  expect((await state()).services).toMatchObject([{ state: 'ready', failing: { doorbell: 'silent' } }]);
});

test('a service with an invalid answer counts as one that does not answer', async () => {
  running.worker.answers = { '/readyz': { status: 200, body: 'nonsense' } };
  const { services, feed } = await state();
  expect(services).toMatchObject([{ state: 'no answer' }]);
  expect(feed).toEqual({});
});

test('each service is asked once per second, however many people look', async () => {
  const cookie = await running.signIn('viewer');
  const before = running.worker.requests.length;
  await Promise.all(Array.from({ length: 20 }, () => running.call('GET', '/api/state', { cookie })));
  // One request for the readiness, one for the metrics as worker and one for the metrics as catalog-read.
  expect(running.worker.requests.length - before).toBe(3);
});
