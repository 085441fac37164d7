import { z } from 'zod';
import { versionSchema } from './product.ts';

/** One committed change of one key, as it travels from the outbox through BullMQ to the cache. */
export const changeSchema = z.strictObject({
  /** The outbox row. */
  seq: z.int().min(1),
  /** `Entity.name`. */
  entity: z.string().min(1),
  key: z.string().min(1),
  /** The version that the change wrote; `UNCONDITIONAL_VERSION` where versions give no order. */
  version: versionSchema,
});
export type Change = z.infer<typeof changeSchema>;
