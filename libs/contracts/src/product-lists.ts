/** Queries and bodies of the reads that answer with several products. */
import { z } from 'zod';
import { productIdSchema, productSchema, productStatuses } from './product.ts';

/** The most products in one answer, by page or by id. */
export const maxProductsPerAnswer = 100;

/** Answers have at most this many rows on a page. */
export const pageLimitSchema = z
  .string()
  .regex(/^\d{1,3}$/, { error: 'must be a whole number' })
  .transform(Number)
  .refine((limit) => limit >= 1 && limit <= maxProductsPerAnswer, {
    error: `must be from 1 to ${maxProductsPerAnswer}`,
  })
  .default(50);

const filterText = z.string().min(1).max(200);

/** The query of `GET /v1/products`. */
export const productListQuerySchema = z.strictObject({
  category: filterText.optional(),
  brand: filterText.optional(),
  status: z.enum(productStatuses).default('active'),
  q: filterText.optional(),
  limit: pageLimitSchema,
  cursor: z.string().min(1).max(200).optional(),
});
export type ProductListQuery = z.input<typeof productListQuerySchema>;

export const productPageSchema = z.strictObject({
  data: z.array(productSchema),
  page: z.strictObject({ nextCursor: z.string().nullable() }),
});

/** `GET /v1/products?ids=`: each id is in one of the two lists. */
export const productsByIdSchema = z.strictObject({
  data: z.array(productSchema),
  missing: z.array(productIdSchema),
});

/** `GET /v1/products/popular` */
export const popularProductsSchema = z.strictObject({ data: z.array(productSchema) });
