import type { Answer } from '@catalog/cache';
import {
  keyViewSchema,
  maxProductsPerAnswer,
  popularProductsSchema,
  PRODUCT,
  productFacetsSchema,
  productFilterSchema,
  productPageSchema,
  productSchema,
  productsByIdSchema,
  productViewsSchema,
  skuSchema,
} from '@catalog/contracts';
import { viewsOfProduct } from '@catalog/database';
import { callerKey, type Route, route } from '@catalog/service-kit';
import type { Request, Response } from 'express';
import type { Pool } from 'pg';
import { z } from 'zod';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { viewProduct, viewSku } from '../cache/key-view.ts';
import {
  describedCacheHeaders,
  describedPageHeaders,
  entityAnswers,
  sendCached,
  sendEntity,
} from '../http/answer.ts';
import type { CountBypass } from '../http/bypass-limit.ts';
import { type LoadBudget, loadCosts } from '../http/load-budget.ts';
import { PageSender } from '../http/page-sender.ts';
import { conditionalRead, versionedRead, waitsUntil } from '../http/request-headers.ts';
import { exportRoute } from '../export/routes.ts';
import type { ProductLists } from './lists.ts';
import { popularQuery, productIdParams, productsQuery } from './parameters.ts';
import { preparedProduct } from './prepared-product.ts';
import type { AtLeast, ProductLookup } from './product-lookup.ts';
import { readScope } from './read-scope.ts';
import type { ViewCounters } from './view-counters.ts';

export interface ProductRoutesDeps {
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly lookup: ProductLookup;
  readonly lists: ProductLists;
  readonly views: ViewCounters;
  readonly countBypass: CountBypass;
  readonly budget: LoadBudget;
}

const scope = readScope;
const skuParams = z.strictObject({ sku: skuSchema });

export function productRoutes(deps: ProductRoutesDeps): Route[] {
  const { cache, pool, lookup, lists, views, countBypass, budget } = deps;
  const atLeast = (
    req: Request,
    { minVersion, waitsUntil }: Pick<AtLeast, 'minVersion' | 'waitsUntil'>,
  ): AtLeast => ({ caller: callerKey(req), minVersion, waitsUntil, beforeBypass: () => countBypass(req) });

  const inspect = async <T>(req: Request, read: () => Promise<T>): Promise<T> => {
    await countBypass(req);
    return budget.query(callerKey(req), Number.POSITIVE_INFINITY, read);
  };

  const pages = new PageSender();
  const send = (req: Request, res: Response, answer: Answer, ifNoneMatch: string | undefined): void => {
    const product = preparedProduct(answer.entry);
    if (product !== undefined && isView(req)) views.countIn(product.views, callerKey(req));
    sendEntity(res, PRODUCT, answer, ifNoneMatch);
  };

  return [
    route({
      method: 'get',
      path: '/v1/products',
      summary: 'A page of products by filter, or up to 100 products by id',
      description: `With \`ids\` (separated by commas) and nothing else the answer is \`{data, missing}\`. For the rate limit each id counts as a request, and a page as ${loadCosts.page}.`,
      scope,
      cost: ({ query: { ids } }) => (typeof ids === 'string' ? idsIn(ids) : loadCosts.page),
      query: productsQuery,
      headers: versionedRead,
      answers: {
        200: {
          description: 'The products.',
          schema: z.union([productPageSchema, productsByIdSchema]),
          headers: describedCacheHeaders,
          sometimes: {
            'Catalog-Version': 'With `ids`: the newest version among them.',
            ...describedPageHeaders,
          },
        },
      },
      async handle({ query, headers }, res, req) {
        if (query.ids !== undefined)
          sendCached(
            res,
            await lists.many(query.ids, isView(req) ? callerKey(req) : undefined, atLeast(req, headers)),
          );
        else await pages.send(req, res, await lists.page(query, callerKey(req), headers.waitsUntil()));
      },
    }),

    exportRoute({ pool }),

    route({
      method: 'get',
      path: '/v1/products/facets',
      summary: 'How many products of a list have which brand, category and status',
      description: 'Takes the filters of the list. A facet ignores the filter by its own field.',
      scope,
      cost: () => loadCosts.page,
      query: productFilterSchema,
      headers: { waitsUntil },
      answers: {
        200: {
          description: 'Most first.',
          schema: productFacetsSchema,
          headers: describedCacheHeaders,
          sometimes: describedPageHeaders,
        },
      },
      async handle({ query, headers }, res, req) {
        await pages.send(req, res, await lists.facets(query, callerKey(req), headers.waitsUntil()));
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/popular',
      summary: 'The most read active products, most read first',
      description: `For the rate limit it counts as ${loadCosts.page}.`,
      scope,
      cost: () => loadCosts.page,
      query: popularQuery,
      headers: { waitsUntil },
      answers: {
        200: {
          description: 'The products.',
          schema: popularProductsSchema,
          headers: describedCacheHeaders,
        },
      },
      async handle({ query, headers }, res, req) {
        sendCached(res, await lists.popular(query.limit, atLeast(req, { minVersion: 0, ...headers })));
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/by-sku/{sku}',
      summary: 'A product by SKU',
      scope,
      params: skuParams,
      headers: conditionalRead,
      answers: entityAnswers(productSchema),
      errors: ['not_found'],
      async handle({ params, headers }, res, req) {
        send(req, res, await lookup.bySku(params.sku, atLeast(req, headers)), headers.ifNoneMatch);
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
      async handle({ params: { id }, headers }, res, req) {
        send(req, res, await lookup.byId(id, atLeast(req, headers)), headers.ifNoneMatch);
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/{id}/views',
      summary: 'How often a product was read',
      description:
        'By id, by SKU or as one of several ids, once for each caller and minute. The last ten seconds may be missing.',
      scope,
      params: productIdParams,
      answers: { 200: { description: 'The total.', schema: productViewsSchema } },
      async handle({ params: { id } }, res, req) {
        const total = await inspect(req, () => cache.readPostgresToInspect(() => viewsOfProduct(pool, id)));
        res.set('Cache-Control', 'no-store').json({ id, views: total });
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/{id}/cache',
      summary: 'What Postgres, Redis and this process hold of a product',
      scope,
      params: productIdParams,
      answers: { 200: { description: 'Side by side.', schema: keyViewSchema } },
      async handle({ params }, res, req) {
        const view = await inspect(req, () => viewProduct(cache, pool, params.id));
        res.set('Cache-Control', 'no-store').json(view);
      },
    }),

    route({
      method: 'get',
      path: '/v1/products/by-sku/{sku}/cache',
      summary: 'What Postgres, Redis and this process hold of an SKU: the id of its product',
      scope,
      params: skuParams,
      answers: { 200: { description: 'Side by side.', schema: keyViewSchema } },
      async handle({ params }, res, req) {
        const view = await inspect(req, () => viewSku(cache, pool, params.sku));
        res.set('Cache-Control', 'no-store').json(view);
      },
    }),
  ];
}

/** At most as many as may be named: a longer list is refused. */
const idsIn = (ids: string): number =>
  Math.min(maxProductsPerAnswer, ids.split(',', maxProductsPerAnswer).length);

/** Express answers HEAD with the handler of GET. */
const isView = ({ method }: Request): boolean => method === 'GET';
