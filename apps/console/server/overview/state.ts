/** The state of the system, as its parts report it. */
import type { Clock } from '@catalog/service-kit';
import type { Queue } from 'bullmq';
import { z } from 'zod';
import type { ActionLog } from '../audit-log/action-log.ts';
import { buckets, figure, quantile, requests } from './metrics.ts';

export interface ServiceAddress {
  readonly name: string;
  readonly url: string;
}

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'no answer';
  /** The checks and warnings that the service itself reports as not ok, by name. */
  readonly failing: Readonly<Record<string, string>>;
  readonly answeredInMs: number;
  /** Since when it is in this state, in milliseconds since 1970. */
  readonly sinceMs: number;
}

export const countedStates = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
export type CountedState = (typeof countedStates)[number];

export interface QueueState {
  readonly name: string;
  /** Undefined when the state Redis does not answer. */
  readonly counts: Readonly<Record<CountedState, number>> | undefined;
  readonly paused: { readonly by: string | undefined; readonly sinceMs: number | undefined } | undefined;
}

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
  readonly queues: readonly QueueState[];
  readonly feed: FeedState;
  readonly rates: Rates;
}

/** A healthy service answers at once. The page should not wait longer for the others. */
const timeout_ms = 1_500;
/** Each service is asked at most once in this time, however many people look at the page. */
const reuse_ms = 1_000;

const answersSchema = z.record(z.string(), z.string()).default({});
const reportSchema = z.object({ checks: answersSchema, warnings: answersSchema });

type Asked = Omit<ServiceState, 'sinceMs'>;

async function askService({ name, url }: ServiceAddress): Promise<Asked> {
  const began_ms = performance.now();
  const answeredIn_ms = (): number => Math.round(performance.now() - began_ms);
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeout_ms) });
    const { checks, warnings } = reportSchema.parse(await response.json());
    const failing = Object.fromEntries(
      [...Object.entries(checks), ...Object.entries(warnings)].filter(([, answer]) => answer !== 'ok'),
    );
    return { name, state: response.ok ? 'ready' : 'not ready', failing, answeredInMs: answeredIn_ms() };
  } catch {
    return { name, state: 'no answer', failing: {}, answeredInMs: answeredIn_ms() };
  }
}

async function queueState(queue: Queue, actions: StateOptions['actions']): Promise<QueueState> {
  try {
    const [counts, isPaused] = await Promise.all([
      queue.getJobCounts('wait', 'active', 'delayed', 'failed', 'completed'),
      queue.isPaused(),
    ]);
    const count = (state: string): number => counts[state] ?? 0;
    // BullMQ does not keep who paused it. While Postgres is away, nobody knows.
    const pause = isPaused ? await actions.pauseOf(queue.name).catch(() => undefined) : undefined;
    return {
      name: queue.name,
      counts: {
        waiting: count('wait'),
        active: count('active'),
        delayed: count('delayed'),
        failed: count('failed'),
        completed: count('completed'),
      },
      paused: isPaused ? { by: pause?.username, sinceMs: pause && Date.parse(pause.actedAt) } : undefined,
    };
  } catch {
    return { name: queue.name, counts: undefined, paused: undefined };
  }
}

/** Empty when the service does not answer, which the state of the services shows. */
async function metricsOf(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeout_ms) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}

export interface StateOptions {
  readonly services: readonly ServiceAddress[];
  readonly workerUrl: string;
  readonly readUrl: string;
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
  const { services, workerUrl, readUrl, queues, actions, clock } = options;
  const writeUrl = services.find(({ name }) => name === 'catalog-write')?.url;
  let last: { state: Promise<SystemState>; askedAt_ms: number } | undefined;
  let counted: { at_ms: number; counts: Partial<Rates> } | undefined;
  let freshBefore: ReadonlyMap<number, number> = new Map();
  const since = new Map<string, { state: string; at_ms: number }>();

  const withSince = (service: Asked, now_ms: number): ServiceState => {
    const before = since.get(service.name);
    if (before?.state !== service.state) since.set(service.name, { state: service.state, at_ms: now_ms });
    return { ...service, sinceMs: since.get(service.name)?.at_ms ?? now_ms };
  };

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
    const [asked, queueStates, worker, read, write] = await Promise.all([
      Promise.all(services.map(askService)),
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
      services: asked.map((service) => withSince(service, at_ms)),
      queues: queueStates,
      feed: {
        watermarkAgeSeconds: figure(read, 'cache_watermark_age_seconds'),
        unapplied: figure(worker, 'outbox_unapplied_changes'),
        oldestUnappliedSeconds: figure(worker, 'outbox_oldest_unapplied_seconds'),
        wrongEntries: wrongEntries(worker),
        nines: figure(worker, 'audit_nines'),
        nearEntries: figure(read, 'near_cache_entries'),
        freshP50Ms,
        freshP99Ms,
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
