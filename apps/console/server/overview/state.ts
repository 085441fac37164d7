/** What the start page knows: asked anew, but not more often than once a second, however many look. */
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
  /** What is not right, in its own words. */
  readonly failing: readonly string[];
  readonly taken_ms: number;
}

export interface QueueState {
  readonly name: string;
  /** Undefined when the state Redis does not answer. */
  readonly counts: Readonly<Record<CountedState, number>> | undefined;
}

export const countedStates = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
export type CountedState = (typeof countedStates)[number];

/** From the metrics of the worker and of catalog-read; undefined where they do not say. */
export interface FeedState {
  /** As catalog-read knows it, whose answers it is about. */
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

/** A service that is well answers at once; a page that waits longer helps nobody. */
const patience_ms = 1_500;
const memory_ms = 1_000;

const answersSchema = z.record(z.string(), z.string()).default({});
const reportSchema = z.object({ checks: answersSchema, warnings: answersSchema });

async function serviceState({ name, url }: ServiceAddress): Promise<ServiceState> {
  const began = performance.now();
  const taken_ms = (): number => Math.round(performance.now() - began);
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(patience_ms) });
    const { checks, warnings } = reportSchema.parse(await response.json());
    const failing = [...Object.entries(checks), ...Object.entries(warnings)]
      .filter(([, answer]) => answer !== 'ok')
      .map(([check, answer]) => `${check}: ${answer}`);
    return { name, state: response.ok ? 'ready' : 'not ready', failing, taken_ms: taken_ms() };
  } catch {
    return { name, state: 'no answer', failing: [], taken_ms: taken_ms() };
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

/** The value of a gauge without labels of its own, in Prometheus' text format. */
function gauge(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1];
  const value = found === undefined ? Number.NaN : Number(found);
  return Number.isFinite(value) ? value : undefined;
}

/** Empty where the service does not answer; the table of services says so. */
async function metricsOf(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(patience_ms) });
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

/** Never throws: what cannot be learned is said to be unknown. */
export function systemState({
  services,
  workerUrl,
  readUrl,
  queues,
  clock,
}: StateOptions): () => Promise<SystemState> {
  let last: { state: Promise<SystemState>; asked_ms: number } | undefined;

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
    if (last === undefined || now_ms - last.asked_ms >= memory_ms) last = { state: ask(), asked_ms: now_ms };
    return last.state;
  };
}
