/** `GET /v1/changes` of catalog-read: what other services follow. */
import { z } from 'zod';
import { productIdSchema, productSchema, versionSchema, writableProductFields } from './product.ts';

/** The most changes in one answer. */
export const maxFollowedChanges = 500;

/** An opaque place between two changes. */
export const changeCursorSchema = z.string().min(1).max(8_000);

/**
 * Where to begin without a cursor: `latest` behind all changes so far, `snapshot` with all products and then the changes since.
 * Without either it is the oldest change that is kept.
 */
export const changesStarts = ['latest', 'snapshot'] as const;

export const followedChangeSchema = z.strictObject({
  cursor: changeCursorSchema.describe('The place behind this change. Send it as `after` to continue there.'),
  entity: z.literal('product'),
  key: productIdSchema,
  kind: z
    .enum(['created', 'updated', 'deleted', 'existing'])
    .describe('`existing`: only after `after=snapshot`, a product that was there at the beginning.'),
  version: versionSchema.describe(
    'Those of one key grow. A change that is not newer than what you hold can be skipped.',
  ),
  changedFields: z.array(z.enum(writableProductFields as [string, ...string[]])).describe('Of an update.'),
  changedBy: z
    .string()
    .nullable()
    .describe('The caller that made the change, or `sql`. null for `existing`.'),
  changedAt: z.iso.datetime(),
  product: productSchema
    .nullable()
    .optional()
    .describe(
      'With `include=product`: the product as it is now. It may be newer than the change; null if it was deleted.',
    ),
});
export type FollowedChange = z.infer<typeof followedChangeSchema>;

export const followedChangesPageSchema = z.strictObject({
  data: z.array(followedChangeSchema),
  page: z.strictObject({
    nextCursor: changeCursorSchema.describe('Never null: send it as `after`, now or later.'),
    hasMore: z.boolean().describe('false: the caller has seen all changes up to now.'),
  }),
});
