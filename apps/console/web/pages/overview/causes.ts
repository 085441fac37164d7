/** The sentence on top of the overview. Each cause has one sentence and at most one action; the worst comes first. */
import type { QueueState, ServiceState, SystemState } from './state.ts';

export type Action =
  | { readonly kind: 'resume'; readonly name: string; readonly queue: string }
  | { readonly kind: 'retry'; readonly name: string; readonly queue: string }
  | { readonly kind: 'open'; readonly name: string; readonly href: string };

export interface Cause {
  /** The name of its row in the table, for tests. */
  readonly cause: string;
  readonly tone: 'good' | 'warn' | 'bad';
  readonly text: string;
  readonly action?: Action;
}

type Found = Omit<Cause, 'cause'> | undefined;

const serviceIn = ({ services }: SystemState, name: string): ServiceState | undefined =>
  services.find((service) => service.name === name);
const checkOf = (state: SystemState, service: string, check: string): string | undefined =>
  serviceIn(state, service)?.failing[check];
const clock = (at_ms: number): string =>
  new Date(at_ms).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
const amount = (count: number, one: string, many: string): string =>
  `${count.toLocaleString('en')} ${count === 1 ? one : many}`;

/** How many changes wait, as the end of a sentence. */
function waiting({ feed }: SystemState): string {
  if (feed.unapplied === undefined || feed.unapplied === 0) return '';
  return ` ${amount(feed.unapplied, 'change waits', 'changes wait')} in the outbox.`;
}

const stateRedisWords: readonly (readonly [code: string, words: string])[] = [
  ['state_redis_full', 'is full and refuses writes. Give it more memory'],
  ['state_redis_cannot_save', 'refuses writes, because it cannot save to its disk. Make room on the disk'],
  ['state_redis_is_a_replica', 'is a replica and refuses writes. Correct STATE_REDIS_URL'],
];

/** The bound of the cache, see docs/protocol.md. */
const bound_s = 2;

const causes: readonly (readonly [cause: string, find: (state: SystemState) => Found])[] = [
  [
    'postgres',
    (state) => {
      const failing = state.services.filter(({ failing }) => failing['postgres'] !== undefined);
      const [first] = failing;
      if (first === undefined) return undefined;
      return {
        tone: 'bad',
        text: `Postgres does not answer since ${clock(first.sinceMs)}. Nothing can be saved. Readers serve what the caches hold, marked stale.`,
      };
    },
  ],
  [
    'state redis away',
    ({ queues, ...state }) => {
      if (queues.length === 0 || queues.some(({ counts }) => counts !== undefined)) return undefined;
      return {
        tone: 'bad',
        text: `The state Redis does not answer.${waiting({ queues, ...state }) || ' Changes wait in the outbox.'} Readers ask Postgres.`,
      };
    },
  ],
  [
    'worker away',
    (state) => {
      const worker = serviceIn(state, 'invalidation-worker');
      if (worker?.state !== 'no answer') return undefined;
      return {
        tone: 'bad',
        text: `No invalidation worker has answered since ${clock(worker.sinceMs)}. Start one. Until then readers ask Postgres.`,
      };
    },
  ],
  [
    'state redis refuses writes',
    (state) => {
      const check = checkOf(state, 'invalidation-worker', 'queue') ?? '';
      const found = stateRedisWords.find(([code]) => check.includes(code));
      if (found === undefined) return undefined;
      return { tone: 'bad', text: `The state Redis ${found[1]}.${waiting(state)}` };
    },
  ],
  [
    'cache redis',
    (state) => {
      const worker = serviceIn(state, 'invalidation-worker');
      if (worker === undefined || worker.failing['cache'] === undefined) return undefined;
      return {
        tone: 'bad',
        text: `The cache Redis does not answer the worker since ${clock(worker.sinceMs)} (${worker.failing['cache']}). Readers ask Postgres.`,
      };
    },
  ],
  [
    'queue paused',
    ({ queues }) => {
      const queue = queues.find(({ paused }) => paused !== undefined);
      if (queue?.paused === undefined) return undefined;
      return {
        tone: 'bad',
        text: `The queue ${queue.name} is paused${pausedWords(queue)}. ${
          queue.name === 'refresh' ? 'Keys in use are filled by readers only.' : 'Readers ask Postgres.'
        }`,
        action: { kind: 'resume', name: 'Resume', queue: queue.name },
      };
    },
  ],
  [
    'service',
    ({ services }) => {
      const away = services.filter(({ name, state }) => state !== 'ready' && name !== 'invalidation-worker');
      const [first] = away;
      if (first === undefined) return undefined;
      const words = first.state === 'no answer' ? 'does not answer' : `is not ready: ${reasons(first)}`;
      return { tone: 'bad', text: `The service ${first.name} ${words}, since ${clock(first.sinceMs)}.` };
    },
  ],
  [
    'deaf listener',
    (state) =>
      checkOf(state, 'invalidation-worker', 'doorbell') === undefined
        ? undefined
        : {
            tone: 'warn',
            text: 'The worker does not hear the doorbell. It finds changes by looking, up to a second later.',
          },
  ],
  [
    'set aside',
    (state) => {
      const check = checkOf(state, 'invalidation-worker', 'set aside');
      if (check === undefined) return undefined;
      const key = /\(([^,)]+)/.exec(check)?.[1];
      return {
        tone: 'warn',
        text: `The cache Redis refuses to invalidate keys. Readers take these from Postgres: ${key ?? check}. All other keys are fresh.`,
        ...(key !== undefined && {
          action: { kind: 'open', name: 'Show the key', href: `/keys?key=${encodeURIComponent(key)}` },
        }),
      };
    },
  ],
  [
    'worker not ready',
    (state) => {
      const worker = serviceIn(state, 'invalidation-worker');
      if (worker?.state !== 'not ready') return undefined;
      return { tone: 'bad', text: `invalidation-worker is not ready: ${reasons(worker)}.` };
    },
  ],
  [
    'wrong entries',
    ({ feed }) =>
      (feed.wrongEntries ?? 0) === 0
        ? undefined
        : {
            tone: 'warn',
            text: `The audit has found and repaired ${amount(feed.wrongEntries ?? 0, 'wrong entry', 'wrong entries')} since the worker started. The log of the worker names each.`,
          },
  ],
  [
    'failed jobs',
    ({ queues }) => {
      const queue = queues.find(({ counts }) => (counts?.failed ?? 0) > 0);
      if (queue === undefined) return undefined;
      return {
        tone: 'warn',
        text: `${amount(queue.counts?.failed ?? 0, 'job', 'jobs')} of the queue ${queue.name} failed. The outbox dispatches their changes again.`,
        action: { kind: 'retry', name: 'Retry all', queue: queue.name },
      };
    },
  ],
  [
    'behind',
    (state) => {
      const age_s = state.feed.watermarkAgeSeconds;
      if (age_s !== undefined && age_s <= bound_s) return undefined;
      if (age_s === undefined)
        return {
          tone: 'warn',
          text: `catalog-read does not say how far the cache has come.${waiting(state)}`,
        };
      return {
        tone: 'warn',
        text: `The cache is ${age_s.toFixed(1)} s behind Postgres, so readers ask Postgres.${waiting(state)}`,
      };
    },
  ],
];

function pausedWords({ paused }: QueueState): string {
  if (paused?.sinceMs === undefined || paused.by === undefined) return ', not by this console';
  return ` since ${clock(paused.sinceMs)}, by ${paused.by}`;
}

const reasons = ({ failing }: ServiceState): string =>
  Object.entries(failing)
    .map(([check, answer]) => `${check}: ${answer}`)
    .join(', ');

/** Every cause that is found, the worst first. Without any, one sentence says that all is well. */
export function causesOf(state: SystemState): readonly Cause[] {
  const found = causes.flatMap(([cause, find]) => {
    const one = find(state);
    return one === undefined ? [] : [{ cause, ...one }];
  });
  if (found.length > 0) return found;
  return [
    {
      cause: 'none',
      tone: 'good',
      text: `All changes are applied, up to ${(state.feed.watermarkAgeSeconds ?? 0).toFixed(1)} s ago.`,
    },
  ];
}
