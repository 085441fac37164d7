import type { WrongEntry } from '@catalog/contracts';
import { expect, test } from 'vitest';
import { causesOf } from './causes.ts';
import type { ServiceState, SystemState } from './state.ts';

const at = Date.UTC(2026, 10, 28, 10, 41);
const names = ['catalog-read', 'catalog-write', 'invalidation-worker', 'orders'] as const;

function service(name: string, over: Partial<ServiceState> = {}): ServiceState {
  return { name, state: 'ready', failing: {}, answeredInMs: 1, sinceMs: at, ...over };
}

const readerOf = (name: string, isSound = true) => ({
  name,
  isSound,
  watermarkAgeSeconds: isSound ? 0.3 : null,
  nearEntries: 97,
});

/** A healthy system, with one service that is not. */
function system(over: Partial<SystemState> = {}, ...ill: ServiceState[]): SystemState {
  const counts = { waiting: 0, active: 0, delayed: 0, failed: 0, completed: 3 };
  return {
    atMs: at,
    services: names.map((name) => ill.find((one) => one.name === name) ?? service(name)),
    stores: { postgresMs: 3, cacheRedisMs: 0.2, stateRedisMs: 0.3 },
    readers: ['1', '2', '3'].map((reader) => readerOf(reader)),
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
    /^Postgres does not answer since .*Nothing can be saved.* Start it again, or look at its log\.$/,
  ],
  [
    'postgres',
    system({}, worker({ postgres: 'fails: 57P03' })),
    /^Postgres is starting, or DATABASE_URL of invalidation-worker leads to a standby, since.* correct the address\.$/,
  ],
  [
    'state redis away',
    system({ queues: [{ name: 'invalidation' }], feed: { watermarkAgeSeconds: 9, unapplied: 1204 } }),
    /^The state Redis does not answer\. 1,204 changes wait in the outbox\..* Start it again, or look at its log\.$/,
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
    'cache redis refuses writes',
    system({ feed: { unapplied: 7 } }, worker({ cache: 'fails: cache_redis_full' })),
    /^The cache Redis is full and refuses writes\. Give it more memory\. 7 changes wait in the outbox\. Readers ask Postgres\.$/,
  ],
  [
    'cache redis refuses writes',
    system({}, worker({ cache: 'fails: cache_redis_is_a_replica' })),
    /^The cache Redis is a replica and refuses writes\. Correct CACHE_REDIS_URL\./,
  ],
  [
    'cache redis',
    system({}, worker({ cache: 'fails: ECONNREFUSED' })),
    /^The cache Redis does not answer the worker since .*Readers ask Postgres, which takes 3 ms\. Start it again, or look at its log\.$/,
  ],
  [
    'cache redis',
    system({ stores: { cacheRedisMs: null } }),
    /^The cache Redis does not answer this console, but it answers the worker\. Compare their CACHE_REDIS_URL\.$/,
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
    /^The service orders does not answer, since .*\. Start it again, or look at its log\.$/,
  ],
  ['deaf listener', system({}, worker({ doorbell: 'fails' })), /does not hear the doorbell.* restart it\.$/],
  [
    'set aside',
    system(
      {},
      worker({ 'set aside': 'keys that are read past the cache: 1 (x:settings). It says: NOPERM' }, 'ready'),
    ),
    /^The cache Redis refuses to invalidate keys \(NOPERM\)\..*x:settings\. All other keys are fresh\.$/,
    { kind: 'open', name: 'Show the key', href: '/keys?key=x%3Asettings' },
  ],
  [
    'worker not ready',
    system({}, worker({ heartbeat: 'fails' })),
    /^invalidation-worker is not ready: heartbeat: fails\. Look at its log\.$/,
  ],
  [
    'wrong entries',
    system({ feed: { watermarkAgeSeconds: 0, wrongEntries: 1 } }),
    /found 1 wrong entry since the worker started/,
  ],
  [
    'silent reader',
    system({ readers: [readerOf('1'), readerOf('2', false)] }),
    /^Of 2 readers, reader 2 hears no heartbeat.* restart it\.$/,
  ],
  [
    'went back',
    system({ feed: { watermarkAgeSeconds: 0.1, wentBack: { timeline: 'other', atMs: at } } }),
    /^Postgres went back, or failed over, at \d\d:\d\d \(another timeline\)\. All caches were emptied.* nothing left to do\.$/,
  ],
  [
    'failed jobs',
    system({
      queues: [
        {
          name: 'refresh',
          counts: { ...counts, failed: 19 },
          lastFailure: { reason: 'connection refused', atMs: at - 180_000 },
        },
      ],
    }),
    /^19 jobs of the queue refresh failed, the last one 3 minutes ago: connection refused\. Readers fill these keys themselves\./,
    { kind: 'retry', name: 'Retry all', queue: 'refresh' },
  ],
  [
    'behind',
    system({ feed: { watermarkAgeSeconds: 2.5, unapplied: 7 } }),
    /^The cache is 2\.5 s behind Postgres.* 7 changes wait in the outbox\.$/,
    { kind: 'open', name: 'Show the queues', href: '/queues/' },
  ],
  ['behind', system({ feed: {} }), /does not say how far.* Look at its log\.$/],
  [
    'behind',
    system({ feed: { watermarkAgeSeconds: 9, unapplied: 390_000 }, rates: { applied: 35_000 } }),
    /^A mass change is being applied: 390,000 changes wait, 35,000 a second, about 12 s\./,
    { kind: 'open', name: 'Follow it', href: '/changes' },
  ],
  [
    'warning',
    system({}, service('catalog-read', { failing: { workers: '1 of 2 run' } })),
    /^catalog-read warns of its workers: 1 of 2 run\. Look at its log\.$/,
  ],
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

test('a worker that is not ready because of another cause is not named once more', () => {
  const state = system({}, worker({ postgres: 'fails: ECONNREFUSED', heartbeat: 'fails' }));
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['postgres']);
});

test('readers that all hear nothing are no cause: the worker is', () => {
  const state = system({ readers: [readerOf('1', false)], feed: {} });
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['behind']);
});

test('a wrong entry is named with what was wrong and for how long, and is forgotten after an hour', () => {
  const entry: WrongEntry = {
    key: 'product:01a2',
    difference: 'other',
    cachedVersion: 7,
    version: 7,
    members: ['priceMinor'],
    foundAt: new Date(at - 60_000).toISOString(),
    wrongSince: new Date(at - 72_000).toISOString(),
    isRepaired: true,
  };
  const state = system({ feed: { watermarkAgeSeconds: 0, wrongEntries: 1 } });
  expect(causesOf(state, [entry])).toEqual([
    {
      cause: 'wrong entries',
      tone: 'warn',
      text: 'The audit found 1 wrong entry product:01a2: other content, for 12 s or longer. Repaired.',
      action: { kind: 'open', name: 'Why?', href: '/keys?key=product%3A01a2' },
    },
  ]);
  const old = { ...entry, foundAt: new Date(at - 2 * 3_600_000).toISOString() };
  expect(causesOf(state, [old]).map(({ cause }) => cause)).toEqual(['none']);
});

test('while Postgres is away, nothing is told that only follows from it', () => {
  const state = system(
    {},
    worker({ postgres: 'fails: 55000', 'set aside': 'fails: 55000', doorbell: 'fails' }),
    service('catalog-read', { state: 'not ready', failing: { stores: 'worker 1: fails: 55000' } }),
    service('orders', { state: 'not ready', failing: { postgres: 'fails: 55000' } }),
  );
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['postgres', 'deaf listener']);
});

test('a reader that alone has no store is told', () => {
  const state = system(
    {},
    service('catalog-read', { state: 'not ready', failing: { stores: 'fails: ECONNREFUSED' } }),
  );
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['service']);
});

test('a worker that is only deaf has one sentence', () => {
  const state = system({}, worker({ doorbell: 'fails: listener_hears_nothing' }));
  expect(causesOf(state).map(({ cause }) => cause)).toEqual(['deaf listener']);
});
