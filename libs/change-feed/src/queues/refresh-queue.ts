/** From the workers to the workers: keys that were in use when they were invalidated, to be filled again. */
import { type ConnectionOptions, Queue } from 'bullmq';
import { z } from 'zod';
import { queueOptions } from './job-options.ts';

export const REFRESH_QUEUE = 'refresh';

export const refreshJobSchema = z.strictObject({
  keys: z
    .array(
      z.strictObject({
        entity: z.string(),
        key: z.string(),
        /** The changes that invalidated the key. */
        seqs: z.array(z.int()),
      }),
    )
    .min(1),
});
export type RefreshJob = z.infer<typeof refreshJobSchema>;

export function createRefreshQueue(connection: ConnectionOptions): Queue<RefreshJob> {
  return new Queue(REFRESH_QUEUE, { connection, ...queueOptions });
}
