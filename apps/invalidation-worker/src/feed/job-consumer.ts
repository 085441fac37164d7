import { printable } from '@catalog/contracts';
import { type Part, untilAborted } from '@catalog/runtime';
import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { ReportFailure } from '../failures/report-failure.ts';
import type { Registration } from '../registration/registration.ts';
import { closeRedis } from '../state-redis.ts';

interface JobConsumerOptions {
  readonly queue: string;
  readonly connect: () => Redis;
  /** Rejects when the job failed. No job is retried: the outbox dispatches unacknowledged changes again. */
  readonly handle: (job: Job<unknown>) => Promise<void>;
  readonly registration: Pick<Registration, 'isRegistered' | 'onChange'>;
  readonly onError: ReportFailure;
}

/** Of the reason for which a job failed. */
const longestReason = 1_000;

/**
 * Takes jobs from a queue, one at a time: a job has up to 500 changes, and each further place would poll Redis.
 * While the incarnation of this process is not registered, its work does not count, so it leaves the jobs to other workers.
 */
export class JobConsumer implements Part {
  readonly #options: JobConsumerOptions;

  constructor(options: JobConsumerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { queue, connect, handle, registration, onError } = this.#options;
    const connection = connect();
    const worker = new Worker(
      queue,
      async (job) => {
        try {
          await handle(job);
        } catch (error) {
          throw briefly(error);
        }
      },
      { connection },
    );
    worker.on('error', onError);
    worker.on('failed', (_job, error) => onError(error));
    const workOrPause = () => {
      const done = registration.isRegistered() ? worker.resume() : worker.pause(true);
      done.catch(onError);
    };
    const stopFollowing = registration.onChange(workOrPause);
    workOrPause();
    try {
      await untilAborted(signal);
      await worker.close();
    } finally {
      stopFollowing();
      await closeRedis(connection);
    }
  }
}

/**
 * BullMQ writes the reason into Redis, and tries again until that succeeds. Redis cuts off a client that sends too much, so with a
 * reason of 50 MB about a forged job no other job would get its turn any more.
 */
function briefly(error: unknown): unknown {
  if (!(error instanceof Error) || error.message.length <= longestReason) return error;
  const brief = new Error(printable(error.message, longestReason));
  brief.name = error.name;
  return brief;
}
