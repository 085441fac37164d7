import {
  CatalogError,
  maxProductsPerAnswer,
  pageLimitSchema,
  productIdListSchema,
  productIdSchema,
  productListQuerySchema,
} from '@catalog/contracts';
import { type CheckedBy, parse } from '@catalog/service-kit';
import { z } from 'zod';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Every product read passes here, so a plain expression checks the id: a schema takes several times as long. */
export const productIdParams: CheckedBy<{ readonly id: string }> = {
  schema: z.strictObject({ id: productIdSchema }),
  check({ id }) {
    if (typeof id === 'string' && uuid.test(id)) return { id: id.toLowerCase() };
    throw new CatalogError('invalid_request', 'The product id in the address must be a UUID.', {
      errors: [{ parameter: 'id', code: 'invalid_format', message: 'must be a UUID' }],
    });
  },
};

const idsQuery = z.strictObject({ ids: productIdListSchema });

/** Either `ids` alone or a page by filters. Zod's error for a union would not name the field that is wrong. */
export const productsQuery: CheckedBy<
  z.output<typeof idsQuery> | (z.output<typeof productListQuerySchema> & { readonly ids?: never })
> = {
  schema: z.strictObject({
    ids: z
      .string()
      .optional()
      .meta({
        description: `Up to ${maxProductsPerAnswer} ids, separated by commas. Without any other parameter.`,
      }),
    ...productListQuerySchema.shape,
  }),
  check: (query) => parse('ids' in query ? idsQuery : productListQuerySchema, query, 'query'),
};

export const popularQuery = z.strictObject({ limit: pageLimitSchema });
