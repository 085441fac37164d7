/** From the relay to the workers: jobs that carry keys and versions, never payloads. */
import { type Change, changeSchema } from '@catalog/contracts';
import { type ConnectionOptions, Queue } from 'bullmq';
import { z } from 'zod';
import { feedLimits } from '../timings.ts';
import { queueOptions } from './job-options.ts';

export const INVALIDATION_QUEUE = 'invalidation';

export const invalidationJobSchema = z.strictObject({
  // The number is checked first: the error about a job with a million wrong changes would name each of them.
  changes: z.array(z.unknown()).min(1).max(feedLimits.jobChanges).pipe(z.array(changeSchema)),
});
export type InvalidationJob = z.infer<typeof invalidationJobSchema>;

export function createInvalidationQueue(connection: ConnectionOptions): Queue<InvalidationJob> {
  return new Queue(INVALIDATION_QUEUE, { connection, ...queueOptions });
}

/** The relay's end of the queue. */
export class InvalidationJobs {
  readonly #queue: Pick<Queue<InvalidationJob>, 'add' | 'addBulk' | 'getWaitingCount'>;
  /** Jobs that wait, at most: as many as waited when Redis was last asked, and those added since. */
  #waiting = Number.POSITIVE_INFINITY;

  constructor(queue: Pick<Queue<InvalidationJob>, 'add' | 'addBulk' | 'getWaitingCount'>) {
    this.#queue = queue;
  }

  /**
   * Whether the queue takes more jobs. Asks Redis only when the jobs added since the last answer could have filled it.
   * Several processes together may exceed the limit, each by as much again.
   */
  async hasRoom(): Promise<boolean> {
    if (this.#waiting >= feedLimits.waitingJobs) this.#waiting = await this.#queue.getWaitingCount();
    return this.#waiting < feedLimits.waitingJobs;
  }

  /**
   * Adds one job for each `feedLimits.jobChanges` changes. BullMQ gives new job ids, because it ignores an id that it knows,
   * and a repeated dispatch must not be ignored. The last of several jobs goes to the front: the newest change may be an edit
   * that somebody waits for, and the others are a backlog.
   *
   * @param changes ordered by their transactions
   */
  async add(changes: readonly Change[]): Promise<void> {
    const jobs = jobsOf(changes);
    const [only] = jobs;
    // A single job needs no transaction in Redis, which saves a quarter of a millisecond.
    if (only !== undefined && jobs.length === 1) await this.#queue.add(only.name, only.data, only.opts);
    else await this.#queue.addBulk(jobs);
    this.#waiting += jobs.length;
  }
}

function jobsOf(changes: readonly Change[]) {
  const jobs = [];
  for (let start = 0; start < changes.length; start += feedLimits.jobChanges) {
    const end = start + feedLimits.jobChanges;
    // Only these fields, whatever else the objects have: workers of another release refuse unknown fields.
    const data = {
      changes: changes
        .slice(start, end)
        .map(({ seq, transaction, entity, key, version }) => ({ seq, transaction, entity, key, version })),
    };
    const isLastOfSeveral = start > 0 && end >= changes.length;
    jobs.push({ name: 'invalidate', data, opts: { lifo: isLastOfSeveral } });
  }
  return jobs;
}
