import { expect, test } from 'vitest';
import { causesOf } from './causes.ts';
import type { ServiceState, SystemState } from './state.ts';

const at = Date.UTC(2026, 10, 28, 10, 41);
const names = ['catalog-read', 'catalog-write', 'invalidation-worker', 'orders'] as const;

function service(name: string, over: Partial<ServiceState> = {}): ServiceState {
  return { name, state: 'ready', failing: {}, answeredInMs: 1, sinceMs: at, ...over };
}

/** A healthy system, with one service that is not. */
function system(over: Partial<SystemState> = {}, ...ill: ServiceState[]): SystemState {
  const counts = { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 3 };
  return {
    atMs: at,
    services: names.map((name) => ill.find((one) => one.name === name) ?? service(name)),
    queues: [
      { name: 'invalidation', counts },
      { name: 'refresh', counts },
    ],
    feed: { watermarkAgeSeconds: 0.3, unapplied: 0, wrongEntries: 0 },
    rates: {},
    ...over,
  };
}

const counts = { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 0 };
const worker = (failing: Record<string, string>, state: ServiceState['state'] = 'not ready') =>
  service('invalidation-worker', { state, failing });

test('a healthy system has one good sentence', () => {
  expect(causesOf(system())).toEqual([
    { cause: 'none', tone: 'good', text: 'All changes are applied, up to 0.3 s ago.' },
  ]);
});

test.each<[cause: string, state: SystemState, text: RegExp, action?: object]>([
  [
    'postgres',
    system({}, worker({ postgres: 'fails: ECONNREFUSED' })),
    /^Postgres does not answer since .*Nothing can be saved/,
  ],
  [
    'state redis away',
    system({ queues: [{ name: 'invalidation' }], feed: { watermarkAgeSeconds: 9, unapplied: 1204 } }),
    /^The state Redis does not answer\. 1,204 changes wait in the outbox\./,
  ],
  [
    'worker away',
    system({}, service('invalidation-worker', { state: 'no answer' })),
    /^No invalidation worker has answered since/,
  ],
  [
    'state redis refuses writes',
    system({}, worker({ queue: 'fails: state_redis_full' })),
    /^The state Redis is full/,
  ],
  [
    'state redis refuses writes',
    system({}, worker({ queue: 'fails: state_redis_cannot_save' })),
    /cannot save to its disk/,
  ],
  [
    'state redis refuses writes',
    system({}, worker({ queue: 'fails: state_redis_is_a_replica' })),
    /is a replica/,
  ],
  [
    'cache redis',
    system({}, worker({ cache: 'fails: ECONNREFUSED' })),
    /^The cache Redis does not answer the worker since .*Readers ask Postgres/,
  ],
  [
    'queue paused',
    system({ queues: [{ name: 'invalidation', counts, paused: { by: 'admin', sinceMs: at } }] }),
    /^The queue invalidation is paused since \d\d:\d\d, by admin\. Readers ask Postgres\.$/,
    { kind: 'resume', name: 'Resume', queue: 'invalidation' },
  ],
  [
    'queue paused',
    system({ queues: [{ name: 'refresh', counts, paused: {} }] }),
    /^The queue refresh is paused, not by this console/,
    { kind: 'resume', name: 'Resume', queue: 'refresh' },
  ],
  [
    'service',
    system({}, service('orders', { state: 'no answer' })),
    /^The service orders does not answer, since/,
  ],
  ['deaf listener', system({}, worker({ doorbell: 'fails' })), /does not hear the doorbell/],
  [
    'set aside',
    system(
      {},
      worker({ 'set aside': 'keys that are read past the cache: 1 (x:settings). It says: NOPERM' }, 'ready'),
    ),
    /x:settings\. All other keys are fresh\.$/,
    { kind: 'open', name: 'Show the key', href: '/keys?key=x%3Asettings' },
  ],
  [
    'worker not ready',
    system({}, worker({ heartbeat: 'fails' })),
    /^invalidation-worker is not ready: heartbeat: fails\.$/,
  ],
  [
    'wrong entries',
    system({ feed: { watermarkAgeSeconds: 0, wrongEntries: 1 } }),
    /found and repaired 1 wrong entry/,
  ],
  [
    'failed jobs',
    system({ queues: [{ name: 'refresh', counts: { ...counts, failed: 19 } }] }),
    /^19 jobs of the queue refresh failed\./,
    { kind: 'retry', name: 'Retry all', queue: 'refresh' },
  ],
  [
    'behind',
    system({ feed: { watermarkAgeSeconds: 2.5, unapplied: 7 } }),
    /^The cache is 2\.5 s behind Postgres.* 7 changes wait in the outbox\.$/,
  ],
  ['behind', system({ feed: {} }), /does not say how far/],
])('the cause "%s" has its sentence', (cause, state, text, action) => {
  const [first] = causesOf(state);
  expect(first?.cause).toBe(cause);
  expect(first?.text).toMatch(text);
  expect(first?.action).toEqual(action);
});

test('a paused queue comes before the lag that it causes', () => {
  const state = system({
    queues: [{ name: 'invalidation', counts, paused: { by: 'admin', sinceMs: at } }],
    feed: { watermarkAgeSeconds: 180, unapplied: 5 },
  });
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['queue paused', 'behind']);
});
