import type { JobsOptions, QueueOptions } from 'bullmq';

/**
 * For every job of the feed. BullMQ retries none: the outbox dispatches again what is not acknowledged.
 *
 * Finished jobs are kept for the dashboard. Their number bounds the memory of the state Redis: a job of 500 changes takes
 * 56 KB, and 325 KB when every key has the greatest length, so that 100 of them take 33 MB at most.
 */
export const jobOptions = {
  attempts: 1,
  removeOnComplete: { age: 3_600, count: 50 },
  removeOnFail: { age: 7 * 24 * 3_600, count: 50 },
} as const satisfies JobsOptions;

/** For every queue of the feed. Nobody reads the event streams; BullMQ would keep 10,000 events of each. */
export const queueOptions = {
  defaultJobOptions: jobOptions,
  streams: { events: { maxLen: 100 } },
} as const satisfies Omit<QueueOptions, 'connection'>;
