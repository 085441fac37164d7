import { limits } from '@catalog/contracts';
import { eventually, startRedis } from '@catalog/testing';
import { Worker } from 'bullmq';
import { expect, test } from 'vitest';
import {
  addInvalidations,
  createInvalidationQueue,
  INVALIDATION_QUEUE,
  invalidationJobSchema,
} from './queues.ts';

test('changes become jobs of bounded size, with new ids each time, and those committed last come first', async () => {
  await using redis = await startRedis();
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const queue = createInvalidationQueue(connection);
  const changes = Array.from({ length: 2 * limits.jobChanges + 1 }, (_, index) => ({
    seq: index + 1,
    transaction: 7,
    entity: 'product',
    key: `p${index + 1}`,
    version: index + 1,
    dispatches: 1,
  }));
  await addInvalidations(queue, changes);
  await addInvalidations(queue, changes.slice(0, 1));

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
    [2 * limits.jobChanges + 1, 1],
    [1, limits.jobChanges],
    [limits.jobChanges + 1, limits.jobChanges],
    [1, 1],
  ]);
  expect(new Set(taken.map(({ id }) => id)).size).toBe(4);
});
