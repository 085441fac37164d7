import {
  popularProductsSchema,
  productIdSchema,
  productListQuerySchema,
  productPageSchema,
  productsByIdSchema,
  productSchema,
  settingsSchema,
  skuSchema,
  versionSchema,
} from '@catalog/contracts';
import { openApiDocument, requestTimeoutHeader, type RouteDescription } from '@catalog/service-kit';
import { z } from 'zod';

const scopes = ['catalog:read'];
const conditional = z.object({
  'If-None-Match': z.string().optional(),
  'Min-Version': versionSchema.optional(),
  ...requestTimeoutHeader,
});
const cacheHeaders = {
  'Cache-Status':
    'RFC 9211: which cache answered, or why none did; `detail=stale` on what may be older than the bound.',
  Age: 'Seconds since it was read from Postgres.',
};
const entityHeaders = {
  ...cacheHeaders,
  ETag: 'Opaque; send it as If-None-Match, or as If-Match to catalog-write.',
  'Catalog-Version': 'The version; send it as Min-Version to read nothing older.',
};

function entityRoute(
  path: string,
  summary: string,
  schema: z.ZodType,
  params?: z.ZodObject,
): RouteDescription {
  return {
    method: 'get',
    path,
    summary,
    scopes,
    ...(params !== undefined && { params }),
    headers: conditional,
    responses: {
      200: { description: 'Found.', schema, headers: entityHeaders },
      304: { description: 'Not changed since If-None-Match.', headers: entityHeaders },
    },
    errors: ['invalid_request', 'not_found', 'version_not_reached', 'rate_limited'],
  };
}

export const openapi = openApiDocument({
  title: 'catalog-read',
  version: '1',
  description:
    'Products and settings, served from the cache and never older than the bound without saying so.',
  routes: [
    entityRoute(
      '/v1/products/{id}',
      'A product by id, whatever its status',
      productSchema,
      z.object({ id: productIdSchema }),
    ),
    entityRoute('/v1/products/by-sku/{sku}', 'A product by SKU', productSchema, z.object({ sku: skuSchema })),
    {
      method: 'get',
      path: '/v1/products',
      summary: 'A page of products by filter, or up to 100 products by id',
      description: 'With `ids` (separated by commas) and nothing else the answer is `{data, missing}`.',
      scopes,
      query: z.object({ ids: z.string().optional(), ...productListQuerySchema.shape }),
      headers: z.object({ 'Min-Version': versionSchema.optional(), ...requestTimeoutHeader }),
      responses: {
        200: {
          description: 'The products.',
          schema: z.union([productPageSchema, productsByIdSchema]),
          headers: cacheHeaders,
          sometimes: { 'Catalog-Version': 'With `ids`: the newest version among them.' },
        },
      },
      errors: ['invalid_request', 'version_not_reached', 'rate_limited'],
    },
    {
      method: 'get',
      path: '/v1/products/popular',
      summary: 'The most read active products, most read first',
      scopes,
      query: z.object({ limit: productListQuerySchema.shape.limit }),
      headers: z.object(requestTimeoutHeader),
      responses: {
        200: {
          description: 'The products.',
          schema: popularProductsSchema,
          headers: cacheHeaders,
        },
      },
      errors: ['invalid_request', 'rate_limited'],
    },
    {
      method: 'get',
      path: '/v1/products/{id}/cache',
      summary: 'What Postgres, Redis and this process hold of a product',
      scopes,
      params: z.object({ id: productIdSchema }),
      responses: { 200: { description: 'Side by side.', schema: z.looseObject({ key: z.string() }) } },
      errors: ['invalid_request', 'rate_limited'],
    },
    entityRoute('/v1/settings', 'Settings of the store', settingsSchema),
  ],
});
