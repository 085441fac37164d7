/** The sentence on top of the overview. Each cause has one sentence and at most one action; the worst comes first. */
import type { WrongEntry } from '@catalog/contracts';
import { amount, clockText, count, durationText, shortId } from '../../elements/values.tsx';
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
/** `wrong` are the entries that the auditor has found, the newest first, as far as they are known. */
type Find = (state: SystemState, wrong: readonly WrongEntry[]) => Found;

const serviceIn = ({ services }: SystemState, name: string): ServiceState | undefined =>
  services.find((service) => service.name === name);
const checkOf = (state: SystemState, service: string, check: string): string | undefined =>
  serviceIn(state, service)?.failing[check];
const clock = (at_ms: number): string => clockText(at_ms).slice(0, 5);

/** How many changes wait, as the end of a sentence. */
function waiting({ feed }: SystemState): string {
  if (feed.unapplied === undefined || feed.unapplied === 0) return '';
  return ` ${amount(feed.unapplied, 'change waits', 'changes wait')} in the outbox.`;
}

/** Why a Redis refuses writes, and what to do. `which` is `state` or `cache`. */
function refusal(which: string, check: string): string | undefined {
  if (check.includes(`${which}_redis_full`)) return 'is full and refuses writes. Give it more memory';
  if (check.includes(`${which}_redis_cannot_save`))
    return 'refuses writes, because it cannot save to its disk. Make room on the disk';
  if (check.includes(`${which}_redis_is_a_replica`))
    return `is a replica and refuses writes. Correct ${which.toUpperCase()}_REDIS_URL`;
  return undefined;
}

/** What to do about something that does not answer. */
const startIt = 'Start it again, or look at its log.';

/** The bound of the cache, see docs/protocol.md. */
const bound_s = 2;
/** Postgres answers so while it starts, and our services answer so for a standby. */
const cannotConnectNow = '57P03';
/** Nobody needs to hear for longer that all caches were emptied. */
const wentBack_ms = 10 * 60_000;
/** Wrong entries that were found longer ago are only on the page of keys. */
const wrong_ms = 60 * 60_000;
/** Fewer changes are applied before somebody has read a sentence about them. */
const massChange = 1_000;

const causes: readonly (readonly [cause: string, find: Find])[] = [
  [
    'postgres',
    (state) => {
      const failing = state.services.filter(({ failing }) => failing['postgres'] !== undefined);
      const [first] = failing;
      if (first === undefined) return undefined;
      const consequence = 'Nothing can be saved. Readers serve what the caches hold, marked stale.';
      if (first.failing['postgres']?.includes(cannotConnectNow) === true)
        return {
          tone: 'bad',
          text: `Postgres is starting, or DATABASE_URL of ${first.name} leads to a standby, since ${clock(first.sinceMs)}. ${consequence} Wait until it has started, or correct the address.`,
        };
      return {
        tone: 'bad',
        text: `Postgres does not answer since ${clock(first.sinceMs)}. ${consequence} ${startIt}`,
      };
    },
  ],
  [
    'state redis away',
    ({ queues, ...state }) => {
      if (queues.length === 0 || queues.some(({ counts }) => counts !== undefined)) return undefined;
      return {
        tone: 'bad',
        text: `The state Redis does not answer.${waiting({ queues, ...state }) || ' Changes wait in the outbox.'} Readers ask Postgres. ${startIt}`,
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
      const words = refusal('state', checkOf(state, 'invalidation-worker', 'queue') ?? '');
      if (words === undefined) return undefined;
      return { tone: 'bad', text: `The state Redis ${words}.${waiting(state)}` };
    },
  ],
  [
    'cache redis refuses writes',
    (state) => {
      const words = refusal('cache', checkOf(state, 'invalidation-worker', 'cache') ?? '');
      if (words === undefined) return undefined;
      return { tone: 'bad', text: `The cache Redis ${words}.${waiting(state)} Readers ask Postgres.` };
    },
  ],
  [
    'cache redis',
    (state) => {
      const worker = serviceIn(state, 'invalidation-worker');
      const { cacheRedisMs, postgresMs } = state.stores;
      const failing = worker?.failing['cache'];
      if (refusal('cache', failing ?? '') !== undefined) return undefined;
      if (failing === undefined) {
        if (cacheRedisMs !== null) return undefined;
        return worker?.state === 'ready'
          ? {
              tone: 'warn',
              text: 'The cache Redis does not answer this console, but it answers the worker. Compare their CACHE_REDIS_URL.',
            }
          : { tone: 'bad', text: `The cache Redis does not answer. Readers ask Postgres. ${startIt}` };
      }
      const cost = typeof postgresMs === 'number' ? `, which takes ${durationText(postgresMs)}` : '';
      return {
        tone: 'bad',
        text: `The cache Redis does not answer the worker since ${clock(worker?.sinceMs ?? state.atMs)}. Readers ask Postgres${cost}. ${startIt}`,
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
      const isPostgresAway = services.some(({ failing }) => failing['postgres'] !== undefined);
      const away = services.filter(
        ({ name, state, failing }) =>
          state !== 'ready' &&
          name !== 'invalidation-worker' &&
          !isOnly(failing, isPostgresAway ? explained.byPostgres : none),
      );
      const [first] = away;
      if (first === undefined) return undefined;
      const [words, todo] =
        first.state === 'no answer'
          ? ['does not answer', startIt]
          : [`is not ready: ${reasons(first)}`, 'Look at its log.'];
      return {
        tone: 'bad',
        text: `The service ${first.name} ${words}, since ${clock(first.sinceMs)}. ${todo}`,
      };
    },
  ],
  [
    'deaf listener',
    (state) =>
      checkOf(state, 'invalidation-worker', 'doorbell') === undefined
        ? undefined
        : {
            tone: 'warn',
            text: 'The worker does not hear the doorbell. It finds changes by looking, up to a second later. If this lasts, restart it.',
          },
  ],
  [
    'set aside',
    (state) => {
      const check = checkOf(state, 'invalidation-worker', 'set aside') ?? '';
      // Without keys, the worker could not look.
      const key = /\(([^,)]+)/.exec(check)?.[1];
      if (key === undefined) return undefined;
      const reason = /It says: (.*)$/s.exec(check)?.[1];
      return {
        tone: 'warn',
        text: `The cache Redis refuses to invalidate keys${reason === undefined ? '' : ` (${reason})`}. Readers take these from Postgres: ${key}. All other keys are fresh.`,
        action: { kind: 'open', name: 'Show the key', href: `/keys?key=${encodeURIComponent(key)}` },
      };
    },
  ],
  [
    'worker not ready',
    (state) => {
      const worker = serviceIn(state, 'invalidation-worker');
      if (worker?.state !== 'not ready') return undefined;
      return {
        tone: 'bad',
        text: `invalidation-worker is not ready: ${reasons(worker)}. Look at its log.`,
      };
    },
  ],
  [
    'silent reader',
    ({ readers }) => {
      const silent = readers.filter(({ isSound }) => !isSound);
      // If none hears the worker, the worker is the cause.
      if (silent.length === 0 || silent.length === readers.length) return undefined;
      const names = silent.map(({ name }) => name).join(', ');
      return {
        tone: 'warn',
        text: `Of ${readers.length} readers, ${silent.length === 1 ? `reader ${names} hears` : `readers ${names} hear`} no heartbeat of the worker. They ask Redis or Postgres, so their answers are right, but slower. If this lasts, restart ${silent.length === 1 ? 'it' : 'them'}.`,
      };
    },
  ],
  [
    'wrong entries',
    ({ feed, atMs }, wrong) => {
      const found = feed.wrongEntries ?? 0;
      const [newest] = wrong;
      if (found === 0 || (newest !== undefined && atMs - Date.parse(newest.foundAt) > wrong_ms))
        return undefined;
      if (newest === undefined)
        return {
          tone: 'warn',
          text: `The audit has found ${amount(found, 'wrong entry', 'wrong entries')} since the worker started, and repaired what it could. The log of the worker names each.`,
        };
      return {
        tone: 'warn',
        text: `The audit found ${amount(found, 'wrong entry', 'wrong entries')}${found === 1 ? '' : ', the last one'} ${shortKey(newest.key)}: ${wrongText(newest)}. ${newest.isRepaired ? 'Repaired.' : 'Not repaired yet.'}`,
        action: { kind: 'open', name: 'Why?', href: `/keys?key=${encodeURIComponent(newest.key)}` },
      };
    },
  ],
  [
    'went back',
    ({ feed, atMs }) => {
      const { wentBack } = feed;
      if (wentBack === undefined || atMs - wentBack.atMs > wentBack_ms) return undefined;
      const where = wentBack.timeline === 'same' ? 'the same timeline' : 'another timeline';
      return {
        tone: 'warn',
        text: `Postgres went back, or failed over, at ${clock(wentBack.atMs)} (${where}). All caches were emptied then, so nothing that it lost is served. There is nothing left to do.`,
      };
    },
  ],
  [
    'failed jobs',
    ({ queues, atMs }) => {
      const queue = queues.find(({ counts }) => (counts?.failed ?? 0) > 0);
      if (queue === undefined) return undefined;
      const { lastFailure } = queue;
      const last =
        lastFailure === undefined
          ? ''
          : `, the last one ${agoText(atMs - lastFailure.atMs)}: ${cut(lastFailure.reason.replace(/\.$/, ''))}`;
      return {
        tone: 'warn',
        text: `${amount(queue.counts?.failed ?? 0, 'job', 'jobs')} of the queue ${queue.name} failed${last}${last.endsWith('…') ? '' : '.'} ${
          queue.name === 'refresh'
            ? 'Readers fill these keys themselves.'
            : 'The outbox dispatches their changes again.'
        }`,
        action: { kind: 'retry', name: 'Retry all', queue: queue.name },
      };
    },
  ],
  [
    'behind',
    (state) => {
      const age_s = state.feed.watermarkAgeSeconds;
      if (age_s !== undefined && age_s <= bound_s) return undefined;
      const { unapplied = 0 } = state.feed;
      const { applied = 0 } = state.rates;
      if (unapplied >= massChange && applied > 0)
        return {
          tone: 'warn',
          text: `A mass change is being applied: ${count(unapplied)} changes wait, ${count(Math.round(applied))} a second, about ${Math.ceil(unapplied / applied)} s. Until then readers ask Postgres.`,
          action: { kind: 'open', name: 'Follow it', href: '/changes' },
        };
      if (age_s === undefined)
        return {
          tone: 'warn',
          text: `catalog-read does not say how far the cache has come.${waiting(state)} Look at its log.`,
        };
      return {
        tone: 'warn',
        text: `The cache is ${age_s.toFixed(1)} s behind Postgres, so readers ask Postgres.${waiting(state)}`,
        action: { kind: 'open', name: 'Show the queues', href: '/queues/' },
      };
    },
  ],
  [
    'warning',
    ({ services }) => {
      const [first] = services.flatMap(({ name, state, failing }) =>
        state === 'ready'
          ? Object.entries(failing)
              .filter(([check]) => !namedAbove.has(check))
              .map(([check, answer]) => `${name} warns of its ${check}: ${answer}. Look at its log.`)
          : [],
      );
      return first === undefined ? undefined : { tone: 'warn', text: first };
    },
  ],
];

/** Checks whose failure is the cause of another sentence, or follows from it. */
const explained = {
  /** A reader needs one of its stores, and the cache ages while nobody can compare it with Postgres. */
  byPostgres: new Set(['postgres', 'stores']),
  ofWorker: new Set(['postgres', 'cache', 'queue', 'doorbell', 'heartbeat', 'watermark', 'set aside']),
};

const isOnly = (failing: ServiceState['failing'], checks: ReadonlySet<string>): boolean =>
  Object.keys(failing).length > 0 && Object.keys(failing).every((check) => checks.has(check));

const none: ReadonlySet<string> = new Set();

/** Warnings of services that have a sentence of their own. */
const namedAbove: ReadonlySet<string> = new Set(['doorbell', 'set aside', 'watermark']);

/** `product:01a22b67…4422`. The page behind the action has the whole key. */
function shortKey(key: string): string {
  const from = key.indexOf(':') + 1;
  return key.slice(0, from) + shortId(key.slice(from));
}

function wrongText({ difference, cachedVersion, version, wrongSince, foundAt }: WrongEntry): string {
  const words = {
    older: `version ${count(cachedVersion)} instead of ${count(version)}`,
    newer: `version ${count(cachedVersion)}, which Postgres does not have`,
    other: 'other content',
  };
  const for_s = Math.max(1, Math.round((Date.parse(foundAt) - Date.parse(wrongSince)) / 1_000));
  return `${words[difference]}, for ${count(for_s)} s or longer`;
}

/** A whole validation report would push the diagram off the screen. The job has all of it. */
const longestReason = 120;
const cut = (reason: string): string =>
  reason.length > longestReason ? `${reason.slice(0, longestReason)}…` : reason;

function agoText(age_ms: number): string {
  const minutes = Math.round(age_ms / 60_000);
  if (minutes < 1) return 'less than a minute ago';
  if (minutes < 120) return amount(minutes, 'minute ago', 'minutes ago');
  return amount(Math.round(minutes / 60), 'hour ago', 'hours ago');
}

function pausedWords({ paused }: QueueState): string {
  if (paused?.sinceMs === undefined || paused.by === undefined) return ', not by this console';
  return ` since ${clock(paused.sinceMs)}, by ${paused.by}`;
}

const reasons = ({ failing }: ServiceState): string =>
  Object.entries(failing)
    .map(([check, answer]) => `${check}: ${answer}`)
    .join(', ');

/** Every cause that is found, the worst first. Without any, one sentence says that all is well. */
export function causesOf(state: SystemState, wrong: readonly WrongEntry[] = []): readonly Cause[] {
  const all = causes.flatMap(([cause, find]) => {
    const one = find(state, wrong);
    return one === undefined ? [] : [{ cause, ...one }];
  });
  const worker = serviceIn(state, 'invalidation-worker');
  const isRepetition = ({ cause }: Cause): boolean => {
    if (cause !== 'worker not ready' || worker === undefined) return false;
    const others = all.filter((other) => other.cause !== cause);
    const isDeaf = others.some((other) => other.cause === 'deaf listener');
    if (isDeaf && isOnly(worker.failing, new Set(['doorbell']))) return true;
    return isOnly(worker.failing, explained.ofWorker) && others.some(({ tone }) => tone === 'bad');
  };
  const found = all.filter((one) => !isRepetition(one));
  if (found.length > 0) return found;
  return [
    {
      cause: 'none',
      tone: 'good',
      text: `All changes are applied, up to ${(state.feed.watermarkAgeSeconds ?? 0).toFixed(1)} s ago.`,
    },
  ];
}
