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
    const worker = new Worker(queue, handle, { connection });
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
