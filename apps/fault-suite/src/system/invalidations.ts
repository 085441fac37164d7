/** The queue of invalidations. Rows put bad jobs into it. */
import { Queue } from 'bullmq';
import type { System } from './system.ts';

export async function invalidations({ stack }: System): Promise<{ queue: Queue } & AsyncDisposable> {
  const queue = new Queue('invalidation', { connection: { url: await stack.redisUrl('state') } });
  queue.on('error', () => {});
  return { queue, [Symbol.asyncDispose]: () => queue.close() };
}
