import { z } from 'zod';
import { versionSchema } from './product.ts';

/** One committed change of one key, as it travels from the outbox through BullMQ to the cache. */
export const changeSchema = z.strictObject({
  /** The outbox row. */
  seq: z.int().min(1),
  /** The transaction that wrote the row, by its 64-bit number in Postgres; the row is found by both. */
  transaction: z.int().min(1),
  /** `Entity.name`. */
  entity: z.string(),
  key: z.string(),
  /** The version that the change wrote; `UNCONDITIONAL_VERSION` where versions give no order. */
  version: versionSchema,
});
export type Change = z.infer<typeof changeSchema>;

const time = z.iso.datetime();

/**
 * The way of one change, each step with its time, kept for the replay window. All times are of Postgres' clock, except
 * that the worker's clock measured how long ago a change was queued, applied and rung for.
 */
export const changeTraceSchema = z.strictObject({
  ...changeSchema.omit({ transaction: true }).shape,
  /** When the statement wrote the row, within its transaction. */
  changedAt: time,
  /** null unless Postgres runs with `track_commit_timestamp`, and before the change is claimed. */
  committedAt: time.nullable(),
  /** When the doorbell was heard; null where the relay was awake, or looked by itself. */
  rungAt: time.nullable(),
  /** When the relay took it, the last time if it did so more than once (`dispatches`). */
  claimedAt: time.nullable(),
  queuedAt: time.nullable(),
  /** When the key had been invalidated in Redis and announced to the near caches. */
  appliedAt: time.nullable(),
  /** When the worker had filled the key again; null where nobody had it in use, or a reader was faster. */
  refreshedAt: time.nullable(),
  dispatches: z.int().min(0),
});
export type ChangeTrace = z.infer<typeof changeTraceSchema>;

/** Answer of `GET /v1/changes?key=` of the worker, the newest first. */
export const changeTracesSchema = z.strictObject({ data: z.array(changeTraceSchema) });
