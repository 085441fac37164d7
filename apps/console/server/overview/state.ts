/** The state of the system for the start page. */
import type { Clock } from '@catalog/service-kit';
import type { Queue } from 'bullmq';
import { z } from 'zod';

export interface ServiceAddress {
  readonly name: string;
  readonly url: string;
}

export interface ServiceState {
  readonly name: string;
  readonly state: 'ready' | 'not ready' | 'no answer';
  /** The checks and warnings that the service itself reports as not ok. */
  readonly failing: readonly string[];
  readonly answeredIn_ms: number;
}

export interface QueueState {
  readonly name: string;
  /** Undefined when the state Redis does not answer. */
  readonly counts: Readonly<Record<CountedState, number>> | undefined;
}

export const countedStates = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
export type CountedState = (typeof countedStates)[number];

/** From the metrics of the worker and of catalog-read. undefined when they do not answer. */
export interface FeedState {
  /** From catalog-read, because the watermark limits the age of its answers. */
  readonly watermarkAge_s: number | undefined;
  readonly unapplied: number | undefined;
  readonly oldestUnapplied_s: number | undefined;
}

export interface SystemState {
  readonly at_ms: number;
  readonly services: readonly ServiceState[];
  readonly queues: readonly QueueState[];
  readonly feed: FeedState;
}

/** A healthy service answers at once. The page should not wait longer for the others. */
const timeout_ms = 1_500;
/** Each service is asked at most once in this time, however many people look at the page. */
const reuse_ms = 1_000;

const answersSchema = z.record(z.string(), z.string()).default({});
const reportSchema = z.object({ checks: answersSchema, warnings: answersSchema });

async function serviceState({ name, url }: ServiceAddress): Promise<ServiceState> {
  const began_ms = performance.now();
  const answeredIn_ms = (): number => Math.round(performance.now() - began_ms);
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(timeout_ms) });
    const { checks, warnings } = reportSchema.parse(await response.json());
    const failing = [...Object.entries(checks), ...Object.entries(warnings)]
      .filter(([, answer]) => answer !== 'ok')
      .map(([check, answer]) => `${check}: ${answer}`);
    return { name, state: response.ok ? 'ready' : 'not ready', failing, answeredIn_ms: answeredIn_ms() };
  } catch {
    return { name, state: 'no answer', failing: [], answeredIn_ms: answeredIn_ms() };
  }
}

async function queueState(queue: Queue): Promise<QueueState> {
  try {
    const counts = await queue.getJobCounts(
      ...countedStates.map((state) => (state === 'waiting' ? 'wait' : state)),
    );
    const count = (state: CountedState): number => counts[state === 'waiting' ? 'wait' : state] ?? 0;
    return {
      name: queue.name,
      counts: {
        waiting: count('waiting'),
        active: count('active'),
        delayed: count('delayed'),
        failed: count('failed'),
        completed: count('completed'),
      },
    };
  } catch {
    return { name: queue.name, counts: undefined };
  }
}

/** The highest sample of a gauge, in the text format of Prometheus. A service with workers has one for each. */
function gauge(text: string, name: string): number | undefined {
  const samples = text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'gm'));
  const values = [...samples].map(([, value]) => Number(value)).filter(Number.isFinite);
  return values.length === 0 ? undefined : Math.max(...values);
}

/** Empty when the service does not answer, which the table of services shows. */
async function metricsOf(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(timeout_ms) });
    return response.ok ? await response.text() : '';
  } catch {
    return '';
  }
}

async function feedState(workerUrl: string, readUrl: string): Promise<FeedState> {
  const [worker, read] = await Promise.all([metricsOf(workerUrl), metricsOf(readUrl)]);
  return {
    watermarkAge_s: gauge(read, 'cache_watermark_age_seconds'),
    unapplied: gauge(worker, 'outbox_unapplied_changes'),
    oldestUnapplied_s: gauge(worker, 'outbox_oldest_unapplied_seconds'),
  };
}

export interface StateOptions {
  readonly services: readonly ServiceAddress[];
  readonly workerUrl: string;
  readonly readUrl: string;
  readonly queues: readonly Queue[];
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
}

/** Never throws. State that nobody answers is reported as unknown. */
export function systemState({
  services,
  workerUrl,
  readUrl,
  queues,
  clock,
}: StateOptions): () => Promise<SystemState> {
  let last: { state: Promise<SystemState>; askedAt_ms: number } | undefined;

  const ask = async (): Promise<SystemState> => {
    const at_ms = clock.now();
    const [serviceStates, queueStates, feed] = await Promise.all([
      Promise.all(services.map(serviceState)),
      Promise.all(queues.map(queueState)),
      feedState(workerUrl, readUrl),
    ]);
    return { at_ms, services: serviceStates, queues: queueStates, feed };
  };

  return () => {
    const now_ms = clock.monotonic();
    if (last === undefined || now_ms - last.askedAt_ms >= reuse_ms)
      last = { state: ask(), askedAt_ms: now_ms };
    return last.state;
  };
}
