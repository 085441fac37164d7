import type { Express, Request, RequestHandler } from 'express';
import type { Pool } from 'pg';
import { PRODUCT } from '@catalog/contracts';
import { waitsUntil } from '@catalog/service-kit';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { cacheHeaders, sendEntity } from '../http/answer.ts';
import type { BypassLimit } from '../http/bypass-limit.ts';
import { minVersionOf } from '../http/min-version.ts';
import { lazyWaitsUntil } from '../http/waits-until.ts';
import { viewProductCache } from './cache-view.ts';
import { ProductLists } from './lists.ts';
import { idsOf, listRequestOf, popularLimitOf, productIdOf, skuOf } from './parameters.ts';
import { idIn, ProductReads } from './product-reads.ts';
import type { ViewCounters } from './view-counters.ts';

export interface ProductRoutesDeps {
  readonly cache: CatalogCache;
  readonly pool: Pool;
  readonly views: ViewCounters;
  readonly bypassLimit: BypassLimit;
  /** Who may read. */
  readonly guards: readonly RequestHandler[];
}

export function productRoutes(
  app: Express,
  { cache, pool, views, bypassLimit, guards }: ProductRoutesDeps,
): void {
  const reads = new ProductReads(cache, pool);
  const lists = new ProductLists({ cache, pool, reads, views });
  const atLeast = (req: Request) => ({
    minVersion: minVersionOf(req),
    beforeBypass: () => bypassLimit.take(req),
    waitsUntil: lazyWaitsUntil(req),
  });

  app.get('/v1/products', ...guards, async (req, res) => {
    if ('ids' in req.query) {
      const { payload, version, source, age_ms } = await lists.many(idsOf(req.query), atLeast(req));
      const headers = [...cacheHeaders(source, age_ms), 'Catalog-Version', String(version)];
      headers.push('Content-Type', 'application/json', 'Content-Length', String(payload.length));
      res.writeHead(200, headers).end(payload);
      return;
    }
    const { payload, source, age_ms } = await lists.page(listRequestOf(req.query), waitsUntil(req));
    const headers = cacheHeaders(source, age_ms);
    headers.push('Content-Type', 'application/json', 'Content-Length', String(payload.length));
    res.writeHead(200, headers).end(payload);
  });

  app.get('/v1/products/popular', ...guards, async (req, res) => {
    const { payload, source, age_ms } = await lists.popular(popularLimitOf(req.query), lazyWaitsUntil(req));
    const headers = cacheHeaders(source, age_ms);
    headers.push('Content-Type', 'application/json', 'Content-Length', String(payload.length));
    res.writeHead(200, headers).end(payload);
  });

  app.get('/v1/products/by-sku/:sku', ...guards, async (req, res) => {
    const answer = await reads.bySku(skuOf(req.params['sku']), atLeast(req));
    if (answer.payload !== null) views.count(idIn(answer.payload));
    sendEntity(req, res, PRODUCT, answer);
  });

  app.get('/v1/products/:id', ...guards, (req, res, next) => {
    const id = productIdOf(req.params['id']);
    const minVersion = minVersionOf(req);
    // What the near cache has is answered in this turn of the loop, without a promise.
    const near = cache.products.getNear(id, minVersion);
    if (near !== undefined) {
      if (near.payload !== null) views.count(id);
      sendEntity(req, res, PRODUCT, near);
      return;
    }
    reads
      .byId(id, atLeast(req))
      .then((answer) => {
        if (answer.payload !== null) views.count(id);
        sendEntity(req, res, PRODUCT, answer);
      })
      .catch(next);
  });

  app.get('/v1/products/:id/cache', ...guards, async (req, res) => {
    const view = await viewProductCache(cache, pool, productIdOf(req.params['id']));
    res.setHeader('Cache-Control', 'no-store');
    res.json(view);
  });
}
