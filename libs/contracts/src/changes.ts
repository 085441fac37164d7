import { z } from 'zod';
import { entities, UNCONDITIONAL_VERSION } from './entities.ts';
import { versionSchema } from './product.ts';

/** One committed change of one key, on its way from the outbox through BullMQ to the cache. */
export const changeSchema = z.strictObject({
  /** The outbox row. */
  seq: z.int().min(1),
  /** The 64-bit number of the transaction that wrote the row. `seq` and this number find the row. */
  transaction: z.int().min(1),
  /** `Entity.name`. */
  entity: z.string(),
  key: z.string(),
  /** The version that the change wrote, or `UNCONDITIONAL_VERSION` if versions give no order. */
  version: versionSchema,
});
export type Change = z.infer<typeof changeSchema>;

const time = z.iso.datetime();

/**
 * The steps of one change, each with its time, kept for the replay window. The clock of Postgres gives all times. The
 * worker's clock measures only how long ago a change was queued, applied and rung for.
 */
const changeTraceSchema = z.strictObject({
  ...changeSchema.omit({ transaction: true }).shape,
  /** When the statement wrote the row, within its transaction. */
  changedAt: time,
  /** null unless Postgres runs with `track_commit_timestamp`, and before the change is claimed. */
  committedAt: time.nullable(),
  /** When the relay heard the doorbell; null if it was awake, or looked without a ring. */
  rungAt: time.nullable(),
  /** When the relay claimed it; the last time, if it claimed it more than once (`dispatches`). */
  claimedAt: time.nullable(),
  queuedAt: time.nullable(),
  /** When the worker had invalidated the key in Redis and told the near caches. */
  appliedAt: time.nullable(),
  /** When the worker had filled the key again; null if the key was not in use, or a reader was faster. */
  refreshedAt: time.nullable(),
  dispatches: z.int().min(0),
});
export type ChangeTrace = z.infer<typeof changeTraceSchema>;

/** A trace as people see it. */
const shownTraceSchema = z.strictObject({
  ...changeTraceSchema.shape,
  key: z.string().describe('The key in the cache, as in the query: `product:<id>`.'),
  version: versionSchema
    .nullable()
    .describe('null: versions of this entity give no order, so the change invalidates any version.'),
});
export type ShownTrace = z.infer<typeof shownTraceSchema>;

export function shownTrace({ entity: name, key, version, ...trace }: ChangeTrace): ShownTrace {
  const entity = entities.find((each) => each.name === name);
  return {
    ...trace,
    entity: name,
    key: entity?.cacheKey(key) ?? key,
    version: version === UNCONDITIONAL_VERSION ? null : version,
  };
}

/** The worker's answer to `GET /v1/transactions/{transaction}/changes`. */
export const transactionChangesSchema = z.strictObject({
  unapplied: z.int().min(0).describe('Changes that wait.'),
  changes: z
    .int()
    .min(0)
    .describe('Changes that were applied. They are kept for the replay window, 5 minutes.'),
  keys: z
    .int()
    .min(0)
    .describe('Keys that these invalidated. Several changes of one key are one invalidation.'),
  committedAt: time.nullable().describe('null unless Postgres runs with `track_commit_timestamp`.'),
  appliedAt: time.nullable().describe('When the last of them was applied; null while none is.'),
});
export type TransactionChanges = z.infer<typeof transactionChangesSchema>;

/** The worker's answer to `GET /v1/changes?key=` and to `GET /v1/changes/latest`, the newest first. */
export const changeTracesSchema = z.strictObject({ data: z.array(shownTraceSchema) });
