import { eventually, startRedis } from '@catalog/testing';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { feedLimits } from '../timings.ts';
import {
  createInvalidationQueue,
  INVALIDATION_QUEUE,
  InvalidationJobs,
  invalidationJobSchema,
} from './invalidation-queue.ts';
import { jobOptions } from './job-options.ts';

test('changes become jobs of bounded size with new ids, and the newest changes go first', async () => {
  await using redis = await startRedis();
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const queue = createInvalidationQueue(connection);
  const changes = Array.from({ length: 2 * feedLimits.jobChanges + 1 }, (_, index) => ({
    seq: index + 1,
    transaction: 7,
    entity: 'product',
    key: `p${index + 1}`,
    version: index + 1,
    dispatches: 1,
  }));
  const jobs = new InvalidationJobs(queue);
  await jobs.add(changes);
  await jobs.add(changes.slice(0, 1));

  const taken: { id: string | undefined; seqs: number[] }[] = [];
  const worker = new Worker(
    INVALIDATION_QUEUE,
    async ({ id, data }) => {
      taken.push({ id, seqs: invalidationJobSchema.parse(data).changes.map(({ seq }) => seq) });
    },
    { connection, concurrency: 1 },
  );
  await eventually(() => taken.length === 4);
  await worker.close();
  await queue.close();
  expect(taken.map(({ seqs }) => [seqs[0], seqs.length])).toEqual([
    [2 * feedLimits.jobChanges + 1, 1],
    [1, feedLimits.jobChanges],
    [feedLimits.jobChanges + 1, feedLimits.jobChanges],
    [1, 1],
  ]);
  expect(new Set(taken.map(({ id }) => id)).size).toBe(4);
});

test('the error about a forged job does not grow with the job', () => {
  const lengthOfError = (changes: number) =>
    invalidationJobSchema.safeParse({ changes: Array.from({ length: changes }, () => ({})) }).error?.message
      .length ?? 0;
  expect(lengthOfError(100_000)).toBeGreaterThan(0);
  expect(lengthOfError(100_000)).toBeLessThan(lengthOfError(feedLimits.jobChanges));
});

test('Redis is asked for the length of the queue only when the jobs added since could have filled it', async () => {
  let waiting = feedLimits.waitingJobs - 6;
  let asked = 0;
  const jobs = new InvalidationJobs({
    getWaitingCount: async () => {
      asked += 1;
      return waiting;
    },
    add: async () => undefined as never,
    addBulk: async () => [],
  });
  const change = { seq: 1, transaction: 7, entity: 'product', key: 'p', version: 1 };
  expect(await jobs.hasRoom()).toBe(true);
  for (let added = 0; added < 5; added += 1) await jobs.add([change]);
  expect([await jobs.hasRoom(), asked]).toEqual([true, 1]);
  await jobs.add([change]);
  waiting = feedLimits.waitingJobs;
  expect([await jobs.hasRoom(), asked]).toEqual([false, 2]);
  expect([await jobs.hasRoom(), asked]).toEqual([false, 3]);
  waiting -= 1;
  expect([await jobs.hasRoom(), asked]).toEqual([true, 4]);
});

test('Redis keeps a bounded number of finished jobs, whatever their size', async () => {
  await using redis = await startRedis();
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const queue = createInvalidationQueue(connection);
  const jobs = new InvalidationJobs(queue);
  const key = 'k'.repeat(512);
  const changes = Array.from({ length: feedLimits.jobChanges }, (_, index) => ({
    seq: index + 1,
    transaction: 7,
    entity: 'product',
    key,
    version: 1,
  }));
  const added = 2 * jobOptions.removeOnComplete.count + 2 * jobOptions.removeOnFail.count;
  let taken = 0;
  const worker = new Worker(
    INVALIDATION_QUEUE,
    async () => {
      taken += 1;
      if (taken % 2 === 0) throw new Error('this job fails');
    },
    { connection },
  );
  for (let count = 0; count < added; count += 1) await jobs.add(changes);
  await eventually(() => taken === added, { timeout_ms: 20_000 });
  await worker.close();
  expect(await queue.getJobCountByTypes('completed')).toBe(jobOptions.removeOnComplete.count);
  expect(await queue.getJobCountByTypes('failed')).toBe(jobOptions.removeOnFail.count);
  await queue.close();
  const client = new Redis(redis.url);
  const memory = await client.info('memory');
  client.disconnect();
  expect(Number(/used_memory:(\d+)/.exec(memory)?.[1])).toBeLessThan(64 * 1024 * 1024);
}, 60_000);
