import { catalogIsAway, type CatalogClient } from '@catalog/catalog-client';
import { CatalogError, type Product, skuSchema } from '@catalog/contracts';
import { route, type Route } from '@catalog/service-kit';
import { z } from 'zod';

const quoteSchema = z.strictObject({
  sku: z.string(),
  quantity: z.int(),
  totalMinor: z.int(),
  currency: z.string(),
});

const quantitySchema = z
  .string()
  .regex(/^[1-9]\d{0,5}$/, { error: 'must be a whole number from 1 to 999999' })
  .transform(Number)
  .default(1)
  .meta({ description: 'How many pieces; 1 unless set.', examples: ['3'] });

export function quoteRoute({ catalog }: { readonly catalog: Pick<CatalogClient, 'products'> }): Route {
  return route({
    method: 'get',
    path: '/v1/quotes/{sku}',
    summary: 'What a number of pieces costs now',
    scope: 'quotes:read',
    params: z.strictObject({ sku: skuSchema }),
    query: z.strictObject({ quantity: quantitySchema }),
    answers: { 200: { description: 'The price.', schema: quoteSchema } },
    errors: ['not_found'],
    async handle({ params: { sku }, query: { quantity } }, res) {
      const product = await find(catalog, sku);
      if (product?.status !== 'active')
        throw new CatalogError('not_found', 'No product with this SKU is for sale.');
      const { priceMinor, currency } = product;
      res.json({ sku, quantity, totalMinor: priceMinor * quantity, currency });
    },
  });
}

/** What this service cannot find out is no mistake of its caller: 503 while the catalog is away. */
async function find(catalog: Pick<CatalogClient, 'products'>, sku: string): Promise<Product | null> {
  try {
    return await catalog.products.getBySku(sku);
  } catch (cause) {
    if (!catalogIsAway(cause)) throw cause;
    throw new CatalogError('unavailable', 'The catalog does not answer, so prices are unknown now.', {
      cause,
    });
  }
}
