import { CatalogError, maxProductsPerAnswer, productListQuerySchema, skuSchema } from '@catalog/contracts';
import { parse } from '@catalog/service-kit';
import { z } from 'zod';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** A product id in lower case. On every read's way, so it is a plain expression and no schema. */
export function productIdOf(value: unknown): string {
  if (typeof value === 'string' && uuid.test(value)) return value.toLowerCase();
  throw new CatalogError('invalid_request', 'The product id must be a UUID.', {
    errors: [{ parameter: 'id', code: 'invalid_format', message: 'must be a UUID' }],
  });
}

export function skuOf(value: unknown): string {
  return parse(z.object({ sku: skuSchema }), { sku: value }, 'params').sku;
}

const manySchema = z.strictObject({
  ids: z
    .string()
    .transform((list) => [...new Set(list.split(',').map((id) => id.trim().toLowerCase()))])
    .refine((ids) => ids.length <= maxProductsPerAnswer, {
      error: `must name at most ${maxProductsPerAnswer} products`,
    })
    .refine((ids) => ids.every((id) => uuid.test(id)), { error: 'must be UUIDs separated by commas' }),
});

export const idsOf = (query: unknown): readonly string[] => parse(manySchema, query, 'query').ids;

export const listRequestOf = (query: unknown) => parse(productListQuerySchema, query, 'query');

const popularSchema = z.strictObject({ limit: productListQuerySchema.shape.limit });
export const popularLimitOf = (query: unknown): number => parse(popularSchema, query, 'query').limit;
