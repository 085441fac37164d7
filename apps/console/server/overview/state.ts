/** The state of the system, as its parts report it. */
import type { Clock } from '@catalog/service-kit';
import type { Queue } from 'bullmq';
import type { ActionLog } from '../audit-log/action-log.ts';
import { buckets, figure, highest, quantile, requests } from './metrics.ts';
import { queueState, type QueueState } from './queue-states.ts';
import { readersOf, type ReaderState } from './readers.ts';
import { metricsOf, serviceStates, type ServiceAddress, type ServiceState } from './services.ts';
import { timesOf, type StorePings, type StoreTimes } from './stores.ts';

/** From the metrics of the services. undefined when they do not answer. */
export interface FeedState {
  /** From catalog-read, because the watermark limits the age of its answers. */
  readonly watermarkAgeSeconds: number | undefined;
  readonly unapplied: number | undefined;
  readonly oldestUnappliedSeconds: number | undefined;
  readonly wrongEntries: number | undefined;
  readonly nines: number | undefined;
  readonly nearEntries: number | undefined;
  /** From commit to fresh, of the changes since the last look. undefined without a change. */
  readonly freshP50Ms: number | undefined;
  readonly freshP99Ms: number | undefined;
  /** When the worker was seen to find Postgres in another incarnation. undefined if that was never since this console started. */
  readonly wentBack: { readonly timeline: 'same' | 'other'; readonly atMs: number } | undefined;
}

/** Events per second since the last look. undefined before the second look. */
export interface Rates {
  readonly reads: number | undefined;
  readonly writes: number | undefined;
  readonly applied: number | undefined;
  readonly loaded: number | undefined;
  /** Answers of catalog-read, by their source. */
  readonly near: number | undefined;
  readonly redis: number | undefined;
  readonly postgres: number | undefined;
}

export interface SystemState {
  readonly atMs: number;
  readonly services: readonly ServiceState[];
  readonly stores: StoreTimes;
  readonly readers: readonly ReaderState[];
  readonly queues: readonly QueueState[];
  readonly feed: FeedState;
  readonly rates: Rates;
}

/** Each service is asked at most once in this time, however many people look at the page. */
const reuse_ms = 1_000;

export interface StateOptions {
  readonly services: readonly ServiceAddress[];
  readonly workerUrl: string;
  readonly readUrl: string;
  readonly stores: StorePings;
  readonly queues: readonly Queue[];
  readonly actions: Pick<ActionLog, 'pauseOf'>;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

const isRead = ({ route }: { route: string }): boolean =>
  route.startsWith('/v1/') && !route.endsWith('/cache') && route !== '/v1/changes';

const total = (samples: readonly { count: number }[]): number =>
  samples.reduce((sum, { count }) => sum + count, 0);

function wrongEntries(text: string): number | undefined {
  const of = (labels?: { outcome: string }): number | undefined =>
    figure(text, 'audited_entries_total', labels);
  const all = of();
  if (all === undefined) return undefined;
  return all - (of({ outcome: 'right' }) ?? 0) - (of({ outcome: 'undecided' }) ?? 0);
}

/** Never throws. State that nobody answers is reported as unknown. */
export function systemState(options: StateOptions): () => Promise<SystemState> {
  const { services, workerUrl, readUrl, stores, queues, actions, clock } = options;
  const writeUrl = services.find(({ name }) => name === 'catalog-write')?.url;
  const askServices = serviceStates(services, clock);
  let last: { state: Promise<SystemState>; askedAt_ms: number } | undefined;
  let counted: { at_ms: number; counts: Partial<Rates> } | undefined;
  let freshBefore: ReadonlyMap<number, number> = new Map();
  const wentBack = noticeWentBack();

  const ratesSince = (counts: Partial<Rates>, at_ms: number): Rates => {
    const before = counted;
    counted = { at_ms, counts };
    const rate = (name: keyof Rates): number | undefined => {
      const [from, to] = [before?.counts[name], counts[name]];
      if (before === undefined || from === undefined || to === undefined || at_ms <= before.at_ms)
        return undefined;
      // A service that has started again counts from 0.
      return to < from ? undefined : ((to - from) / (at_ms - before.at_ms)) * 1_000;
    };
    return {
      reads: rate('reads'),
      writes: rate('writes'),
      applied: rate('applied'),
      loaded: rate('loaded'),
      near: rate('near'),
      redis: rate('redis'),
      postgres: rate('postgres'),
    };
  };

  const ask = async (): Promise<SystemState> => {
    const at_ms = clock.now();
    const [asked, storeTimes, queueStates, worker, read, write] = await Promise.all([
      askServices(),
      timesOf(stores),
      Promise.all(queues.map((queue) => queueState(queue, actions))),
      metricsOf(workerUrl),
      metricsOf(readUrl),
      writeUrl === undefined ? '' : metricsOf(writeUrl),
    ]);
    const fresh = buckets(worker, 'change_fresh_seconds');
    const fresh_ms = (part: number): number | undefined => {
      // The first look knows no changes between two looks.
      const found = freshBefore.size === 0 ? undefined : quantile(freshBefore, fresh, part);
      return found && found * 1_000;
    };
    const [freshP50Ms, freshP99Ms] = [fresh_ms(0.5), fresh_ms(0.99)];
    freshBefore = fresh;
    const answers = (source: string): number | undefined => figure(read, 'cache_answers_total', { source });
    const [stored, bypass] = [answers('stored'), answers('bypass')];
    return {
      atMs: at_ms,
      services: asked,
      stores: storeTimes,
      readers: readersOf(read),
      queues: queueStates,
      feed: {
        watermarkAgeSeconds: highest(read, 'cache_watermark_age_seconds'),
        unapplied: figure(worker, 'outbox_unapplied_changes'),
        oldestUnappliedSeconds: figure(worker, 'outbox_oldest_unapplied_seconds'),
        wrongEntries: wrongEntries(worker),
        // Before the first entry is checked there is nothing to judge.
        nines: figure(worker, 'audited_entries_total') ? figure(worker, 'audit_nines') : undefined,
        nearEntries: figure(read, 'near_cache_entries'),
        freshP50Ms,
        freshP99Ms,
        wentBack: wentBack(worker, at_ms),
      },
      rates: ratesSince(
        {
          reads: read === '' ? undefined : total(requests(read).filter(isRead)),
          writes: write === '' ? undefined : total(requests(write).filter(({ method }) => method !== 'GET')),
          applied: figure(worker, 'changes_applied_total'),
          loaded: figure(read, 'cache_loaded_keys_total'),
          near: answers('near'),
          redis: answers('redis'),
          postgres: stored === undefined || bypass === undefined ? undefined : stored + bypass,
        },
        clock.monotonic(),
      ),
    };
  };

  return () => {
    const now_ms = clock.monotonic();
    if (last === undefined || now_ms - last.askedAt_ms >= reuse_ms)
      last = { state: ask(), askedAt_ms: now_ms };
    return last.state;
  };
}

/** The worker counts since it started. A count that grows between two looks says when Postgres went back. */
function noticeWentBack(): (metrics: string, at_ms: number) => FeedState['wentBack'] {
  const counts = { same: undefined, other: undefined } as Record<'same' | 'other', number | undefined>;
  let last: FeedState['wentBack'];
  return (metrics, at_ms) => {
    for (const timeline of ['same', 'other'] as const) {
      const before = counts[timeline];
      // The worker shows the metric from its first count on.
      const now =
        metrics === '' ? undefined : (figure(metrics, 'postgres_incarnations_total', { timeline }) ?? 0);
      if (before !== undefined && now !== undefined && now > before) last = { timeline, atMs: at_ms };
      counts[timeline] = now ?? before;
    }
    return last;
  };
}
