import { INVALIDATION_QUEUE } from '@catalog/change-feed';
import { CatalogError, UNCONDITIONAL_VERSION } from '@catalog/contracts';
import { CallerTurns, parse } from '@catalog/service-kit';
import type { Job, Queue } from 'bullmq';
import { bulkhead, BulkheadRejectedError } from 'cockatiel';
import type { Express } from 'express';
import { z } from 'zod';
import { signedIn } from '../sessions/access.ts';
import { keysOfJob } from './keys-of-job.ts';

const jobParams = z.object({ queue: z.string().max(100), id: z.string().max(100) });
const changeParams = z.object({
  seq: z
    .string()
    .regex(/^[1-9]\d{0,14}$/, { error: 'must be the number of a change' })
    .transform(Number),
});

/** Each look reads every job that is kept, which may be some megabytes. */
const mostLooking = 1;
const mostWaiting = 20;
const ofPerson = { what: 'looks for jobs', atOnce: 2, waiting: 20, wait_ms: 5_000 } as const;
/** More jobs than this are a backlog. The change is then in one of the newest, or waits in the outbox. */
const mostJobs = 200;

const notKept = (): CatalogError =>
  new CatalogError(
    'not_found',
    'This job is no longer kept. A queue keeps its last 50 completed and its last 50 failed jobs.',
  );

/** From a job to its keys, and from a change to its job. */
export function jobRoutes(app: Express, { queues }: { queues: readonly Queue[] }): void {
  const looks = bulkhead(mostLooking, mostWaiting);
  const turns = new CallerTurns(ofPerson);

  app.get('/api/jobs/:queue/:id/keys', async (req, res) => {
    const { queue: name, id } = parse(jobParams, req.params, 'params');
    const queue = queues.find((one) => one.name === name);
    if (queue === undefined) throw new CatalogError('not_found', 'There is no queue of this name.');
    const job = (await queue.getJob(id)) as Job<unknown> | undefined;
    if (job === undefined) throw notKept();
    res.json({
      name: job.name,
      state: await job.getState(),
      failedReason: job.failedReason ?? null,
      data: keysOfJob(job.data).map(({ version, ...one }) => ({
        ...one,
        // A change that invalidates any version has none to show.
        version: version === undefined || version === UNCONDITIONAL_VERSION ? null : version,
      })),
    });
  });

  app.get('/api/changes/:seq/job', async (req, res) => {
    const { seq } = parse(changeParams, req.params, 'params');
    using _turn = await turns.take(signedIn(res).username);
    const queue = queues.find(({ name }) => name === INVALIDATION_QUEUE);
    const job = await looks
      .execute(() => jobOfChange(queue, seq))
      .catch((error: unknown) => {
        if (!(error instanceof BulkheadRejectedError)) throw error;
        throw new CatalogError('unavailable', 'Too many people look for a job at this moment.', {
          retryAfterSeconds: 1,
        });
      });
    if (job?.id === undefined) throw notKept();
    res.redirect(302, `/queues/queue/${INVALIDATION_QUEUE}/${encodeURIComponent(job.id)}`);
  });
}

/** The newest job of the change: a change that was dispatched again has several. */
async function jobOfChange(queue: Queue | undefined, seq: number): Promise<Job<unknown> | undefined> {
  const jobs = (await queue?.getJobs(['active', 'failed', 'completed', 'waiting'], 0, mostJobs)) as
    | readonly (Job<unknown> | undefined)[]
    | undefined;
  return jobs?.find((job) => job !== undefined && keysOfJob(job.data).some((key) => key.seq === seq));
}
