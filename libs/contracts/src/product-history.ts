/** `GET /v1/products/{id}/history` */
import { z } from 'zod';
import { versionSchema, writableProductFields, type ProductCreate } from './product.ts';

export const productChangeSchema = z.strictObject({
  version: versionSchema,
  operation: z.enum(['create', 'update', 'delete']),
  /** The caller that made it, or `sql` for a change by hand. */
  changedBy: z.string(),
  changedAt: z.iso.datetime(),
  /** Those that changed; null on the side where there was no product. */
  fields: z.array(
    z.strictObject({
      field: z.enum(writableProductFields as [keyof ProductCreate]),
      old: z.unknown(),
      new: z.unknown(),
    }),
  ),
});
export type ProductChange = z.infer<typeof productChangeSchema>;

export const productHistoryPageSchema = z.strictObject({
  data: z.array(productChangeSchema),
  page: z.strictObject({ nextCursor: z.string().nullable() }),
});
