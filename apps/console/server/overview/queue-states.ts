import type { Queue } from 'bullmq';
import { z } from 'zod';
import type { ActionLog } from '../audit-log/action-log.ts';

export const countedStates = ['waiting', 'active', 'delayed', 'failed', 'completed'] as const;
export type CountedState = (typeof countedStates)[number];

export interface QueueState {
  readonly name: string;
  /** Undefined when the state Redis does not answer. */
  readonly counts: Readonly<Record<CountedState, number>> | undefined;
  readonly paused: { readonly by: string | undefined; readonly sinceMs: number | undefined } | undefined;
  /** Of the failed jobs that are kept, the newest. */
  readonly lastFailure: { readonly reason: string; readonly atMs: number } | undefined;
}

/** A reason may be a whole SQL statement. */
const mostReason_chars = 200;

export async function queueState(queue: Queue, actions: Pick<ActionLog, 'pauseOf'>): Promise<QueueState> {
  const { name } = queue;
  try {
    const [counts, isPaused] = await Promise.all([
      queue.getJobCounts('wait', 'active', 'delayed', 'failed', 'completed'),
      queue.isPaused(),
    ]);
    const count = (state: string): number => counts[state] ?? 0;
    // BullMQ does not keep who paused it. While Postgres is away, nobody knows.
    const pause = isPaused ? await actions.pauseOf(name).catch(() => undefined) : undefined;
    return {
      name,
      counts: {
        waiting: count('wait'),
        active: count('active'),
        delayed: count('delayed'),
        failed: count('failed'),
        completed: count('completed'),
      },
      paused: isPaused ? { by: pause?.username, sinceMs: pause && Date.parse(pause.actedAt) } : undefined,
      lastFailure: count('failed') === 0 ? undefined : await lastFailure(queue),
    };
  } catch {
    return { name, counts: undefined, paused: undefined, lastFailure: undefined };
  }
}

/** A job with wrong data fails with a list of its faults as JSON. People read `keys: Too small: expected array to have >=1 items`. */
export function readableReason(reason: string): string {
  const faults = issues.safeParse(parsed(reason));
  if (!faults.success) return reason;
  return faults.data.map(({ path, message }) => [...path, message].join(': ')).join('; ');
}

const issues = z
  .array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() }))
  .min(1);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function lastFailure(queue: Queue): Promise<QueueState['lastFailure']> {
  const [job] = await queue.getJobs(['failed'], 0, 0);
  if (job === undefined) return undefined;
  const reason = readableReason(job.failedReason ?? '').slice(0, mostReason_chars);
  return { reason, atMs: job.finishedOn ?? job.timestamp };
}
