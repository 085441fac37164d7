import { startPart } from '@catalog/runtime';
import { eventually, startRedis } from '@catalog/testing';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { JobConsumer } from './job-consumer.ts';

test('a job that fails for a reason as long as a book delays no other job', async () => {
  await using redis = await startRedis({ config: { 'maxmemory-clients': '20mb' } });
  const connection = { url: redis.url, maxRetriesPerRequest: null };
  const queue = new Queue('test', { connection });
  await queue.addBulk(['forged', 'real'].map((name) => ({ name, data: {} })));
  const handled: string[] = [];
  const consumer = startPart(
    new JobConsumer({
      queue: 'test',
      connect: () => new Redis(redis.url, { maxRetriesPerRequest: null }).on('error', () => {}),
      handle: async ({ name }) => {
        handled.push(name);
        if (name === 'forged') throw new Error('wrong\n'.repeat(3_000_000));
      },
      registration: { isRegistered: () => true, onChange: () => () => {} },
      onError: () => {},
    }),
  );
  await eventually(() => handled.length === 2);
  expect(handled).toEqual(['forged', 'real']);
  const [failed] = await queue.getFailed();
  expect(failed?.name).toBe('forged');
  expect(failed?.failedReason).toMatch(/^wrong/);
  await consumer.stop();
  await queue.close();
});
