import type { Answer } from '@catalog/cache';
import {
  popularProductsSchema,
  PRODUCT,
  productFacetsSchema,
  productFilterSchema,
  productPageSchema,
  productSchema,
  productsByIdSchema,
  skuSchema,
} from '@catalog/contracts';
import { type Route, route } from '@catalog/service-kit';
import type { Request } from 'express';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { describedCacheHeaders, entityAnswers, sendCached, sendEntity } from '../http/answer.ts';
import type { CountBypass } from '../http/bypass-limit.ts';
import { conditionalRead, versionedRead, waitsUntil } from '../http/request-headers.ts';
import { exportRoute } from '../export/routes.ts';
import { viewProductCache } from './cache-view.ts';
import { ProductLists } from './lists.ts';
import { popularQuery, productIdParams, productsQuery } from './parameters.ts';
import { type AtLeast, idIn, ProductLookup } from './product-lookup.ts';
import { readScope } from './read-scope.ts';
import type { ViewCounters } from './view-counters.ts';

export interface ProductRoutesDeps {
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly views: ViewCounters;
  readonly countBypass: CountBypass;
}

const scope = readScope;

export function productRoutes({ cache, pool, views, countBypass }: ProductRoutesDeps): Route[] {
  const lookup = new ProductLookup(cache, pool);
  const lists = new ProductLists({ cache, pool, lookup, views });
  const atLeast = (
    req: Request,
    { minVersion, waitsUntil }: Pick<AtLeast, 'minVersion' | 'waitsUntil'>,
  ): AtLeast => ({ minVersion, waitsUntil, beforeBypass: () => countBypass(req) });

  return [
    route({
      method: 'get',
      path: '/v1/products',
      summary: 'A page of products by filter, or up to 100 products by id',
      description: 'With `ids` (separated by commas) and nothing else the answer is `{data, missing}`.',
      scope,
      query: productsQuery,
      headers: versionedRead,
      answers: {
        200: {
          description: 'The products.',
          schema: z.union([productPageSchema, productsByIdSchema]),
          headers: describedCacheHeaders,
          sometimes: { 'Catalog-Version': 'With `ids`: the newest version among them.' },
        },
      },
      async handle({ query, headers }, res, req) {
        if (query.ids !== undefined) sendCached(res, await lists.many(query.ids, atLeast(req, headers)));
        else sendCached(res, await lists.page(query, headers.waitsUntil()));
      },
    }),

    exportRoute({ pool }),

    route({
      method: 'get',
      path: '/v1/products/facets',
      summary: 'How many products of a list have which brand, category and status',
      description: 'Takes the filters of the list. A facet ignores the filter by its own field.',
      scope,
      query: productFilterSchema,
      headers: { waitsUntil },
      answers: {
        200: { description: 'Most first.', schema: productFacetsSchema, headers: describedCacheHeaders },
      },
      async handle({ query, headers }, res) {
        sendCached(res, await lists.facets(query, headers.waitsUntil()));
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/popular',
      summary: 'The most read active products, most read first',
      scope,
      query: popularQuery,
      headers: { waitsUntil },
      answers: {
        200: {
          description: 'The products.',
          schema: popularProductsSchema,
          headers: describedCacheHeaders,
        },
      },
      async handle({ query, headers }, res) {
        sendCached(res, await lists.popular(query.limit, headers.waitsUntil));
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/by-sku/{sku}',
      summary: 'A product by SKU',
      scope,
      params: z.strictObject({ sku: skuSchema }),
      headers: conditionalRead,
      answers: entityAnswers(productSchema),
      errors: ['not_found'],
      async handle({ params, headers }, res, req) {
        const answer = await lookup.bySku(params.sku, atLeast(req, headers));
        if (answer.payload !== null) views.count(idIn(answer.payload));
        sendEntity(res, PRODUCT, answer, headers.ifNoneMatch);
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/{id}',
      summary: 'A product by id, whatever its status',
      scope,
      params: productIdParams,
      headers: conditionalRead,
      answers: entityAnswers(productSchema),
      errors: ['not_found'],
      handle({ params: { id }, headers }, res, req) {
        const send = (answer: Answer): void => {
          if (answer.payload !== null) views.count(id);
          sendEntity(res, PRODUCT, answer, headers.ifNoneMatch);
        };
        // A near hit is answered in this turn of the event loop, without a promise.
        const near = cache.products.getNear(id, headers.minVersion);
        if (near === undefined) return lookup.byId(id, atLeast(req, headers)).then(send);
        send(near);
        return undefined;
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/{id}/cache',
      summary: 'What Postgres, Redis and this process hold of a product',
      scope,
      params: productIdParams,
      answers: { 200: { description: 'Side by side.', schema: z.looseObject({ key: z.string() }) } },
      async handle({ params }, res, req) {
        await countBypass(req);
        res.set('Cache-Control', 'no-store').json(await viewProductCache(cache, pool, params.id));
      },
    }),
  ];
}
