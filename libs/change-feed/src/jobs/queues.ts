/** The two queues, and what their jobs carry: keys and versions, never payloads. */
import { Queue, type ConnectionOptions, type QueueOptions } from 'bullmq';
import { type Change, changeSchema, limits } from '@catalog/contracts';
import { z } from 'zod';

export const INVALIDATION_QUEUE = 'invalidation';
export const REFRESH_QUEUE = 'refresh';

export const invalidationJobSchema = z.strictObject({ changes: z.array(changeSchema).min(1) });
export type InvalidationJob = z.infer<typeof invalidationJobSchema>;

export const refreshJobSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        entity: z.string(),
        key: z.string(),
        /** The changes that the refresh is for. */
        seqs: z.array(z.int()),
      }),
    )
    .min(1),
});
export type RefreshJob = z.infer<typeof refreshJobSchema>;

// Enough of the past for the dashboard, bounded.
const kept: QueueOptions['defaultJobOptions'] = {
  removeOnComplete: { age: 3_600, count: 1_000 },
  removeOnFail: { age: 7 * 24 * 3_600, count: 1_000 },
};

export function createInvalidationQueue(connection: ConnectionOptions): Queue<InvalidationJob> {
  // No job is tried again by BullMQ: the outbox dispatches what is not acknowledged.
  return new Queue(INVALIDATION_QUEUE, { connection, defaultJobOptions: { ...kept, attempts: 1 } });
}

export function createRefreshQueue(connection: ConnectionOptions): Queue<RefreshJob> {
  return new Queue(REFRESH_QUEUE, { connection, defaultJobOptions: { ...kept, attempts: 1 } });
}

/**
 * One job for each `limits.jobChanges` changes. BullMQ gives the ids: a repeated dispatch is another job. Of
 * several jobs the last goes to the front: what was committed last may be an edit that somebody waits for, the others
 * are a backlog.
 *
 * @param changes by their transactions
 * @returns how many jobs
 */
export async function addInvalidations(
  queue: Queue<InvalidationJob>,
  changes: readonly Change[],
): Promise<number> {
  const jobs = [];
  for (let start = 0; start < changes.length; start += limits.jobChanges) {
    const some = changes.slice(start, start + limits.jobChanges);
    // Nothing else that a caller's objects may carry: workers of another release refuse what they do not know.
    const data = {
      changes: some.map(({ seq, transaction, entity, key, version }) => ({
        seq,
        transaction,
        entity,
        key,
        version,
      })),
    };
    const isBehindOthers = start > 0 && start + limits.jobChanges >= changes.length;
    jobs.push({ name: 'invalidate', data, opts: { lifo: isBehindOthers } });
  }
  const [only] = jobs;
  // One by itself takes no transaction in Redis, and a quarter of a millisecond less.
  if (only !== undefined && jobs.length === 1) await queue.add(only.name, only.data, only.opts);
  else await queue.addBulk(jobs);
  return jobs.length;
}
