import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type Authenticate,
  callerKeyOf,
  type Front,
  isNextOnSocket,
  type Logger,
  type Metrics,
  observeFront,
  plainHeaders,
  rateLimitPolicy,
  rateLimitState,
  type ImmediateLimit,
  type RequestSeries,
  writeCompleteHead,
} from '@catalog/service-kit';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { cacheStatus, lists } from '../http/answer.ts';
import { readScope } from '../products/read-scope.ts';
import type { ViewCounters } from '../products/view-counters.ts';
import { type NearProduct, NearProducts } from './near-product.ts';

export interface ProductFrontDeps {
  readonly cache: CatalogCache;
  readonly views: ViewCounters;
  readonly authenticate: Authenticate;
  readonly rateLimiter: ImmediateLimit;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const products = '/v1/products/';
const bySku = `${products}by-sku/`;
const idLength = 36;
/** Other characters need decoding, or a rule of the router. */
const plainSku = /^[\w.~-]{1,64}$/;

/** The series of one route, by method and status. */
interface RouteSeries {
  readonly GET: { readonly 200: RequestSeries; readonly 304: RequestSeries };
  readonly HEAD: { readonly 200: RequestSeries; readonly 304: RequestSeries };
}

/**
 * Answers `GET` and `HEAD` of a product that the near cache holds, by id or by SKU. The routes in `products/routes.ts`
 * answer the same; a test compares both. Express takes 20 µs for a request, and the near cache less than one.
 */
export class ProductFront implements Front {
  readonly #deps: ProductFrontDeps;
  readonly #near: NearProducts;
  readonly #observed: ReturnType<typeof observeFront>;
  readonly #byIdSeries: RouteSeries;
  readonly #bySkuSeries: RouteSeries;
  readonly #headers: FrontHeaders;

  constructor(deps: ProductFrontDeps) {
    this.#deps = deps;
    this.#near = new NearProducts(deps.cache);
    this.#observed = observeFront(deps);
    const seriesOf = (route: string, method: string) => ({
      200: this.#observed.series(method, route, 200),
      304: this.#observed.series(method, route, 304),
    });
    const ofRoute = (route: string) => ({ GET: seriesOf(route, 'GET'), HEAD: seriesOf(route, 'HEAD') });
    this.#byIdSeries = ofRoute(`${products}:id`);
    this.#bySkuSeries = ofRoute(`${bySku}:sku`);
    this.#headers = new FrontHeaders(rateLimitPolicy(deps.rateLimiter));
  }

  answer(req: IncomingMessage, res: ServerResponse): boolean {
    const { method, url = '' } = req;
    if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(products)) return false;
    const began_ms = performance.now();
    const isById = url.length === products.length + idLength;
    const product = isById
      ? (this.#near.byId(url.slice(products.length), began_ms) ?? this.#findBySku(url, began_ms))
      : this.#findBySku(url, began_ms);
    if (product === undefined || this.#observed.isLogged() || !isNextOnSocket(res)) return false;
    const headers = plainHeaders(req);
    if (headers === undefined) return false;
    const { authenticate, rateLimiter, views } = this.#deps;
    const caller = authenticate.callerNow(headers.authorization);
    if (caller === undefined || !caller.scopes.has(readScope)) return false;
    // The last question, because it takes something. A refusal takes nothing, and Express says it.
    const decision = rateLimiter.takeHere(callerKeyOf(caller, req.socket.remoteAddress));
    if (decision === undefined || !decision.allowed) return false;

    views.countIn(product.counter);
    const limit = rateLimitState(decision);
    const { ifNoneMatch } = headers;
    const isKnown = ifNoneMatch !== undefined && lists(ifNoneMatch, product.etag);
    const head = this.#headers.fill(isKnown, limit, product, began_ms);
    writeCompleteHead(res, isKnown ? 304 : 200, head);
    if (isKnown || method === 'HEAD') res.end();
    else res.end(product.text, 'latin1');
    const series = url.startsWith(bySku) ? this.#bySkuSeries : this.#byIdSeries;
    this.#observed.ended(res, series[method][isKnown ? 304 : 200], began_ms);
    return true;
  }

  #findBySku(url: string, now_ms: number): NearProduct | undefined {
    if (!url.startsWith(bySku)) return undefined;
    const sku = url.slice(bySku.length);
    return plainSku.test(sku) ? this.#near.bySku(sku, now_ms) : undefined;
  }
}

/** The headers of 200 and 304. `writeHead` copies them, so every answer can reuse the same two arrays. */
class FrontHeaders {
  readonly #found: string[];
  readonly #known: string[];

  constructor(policy: string) {
    const begin = [
      ['RateLimit-Policy', policy],
      ['RateLimit', ''],
      ['Cache-Status', cacheStatus.near],
      ['Age', ''],
      ['Cache-Control', 'no-cache'],
      ['Catalog-Version', ''],
      ['ETag', ''],
    ].flat();
    const end = ['X-Content-Type-Options', 'nosniff'];
    this.#found = [...begin, 'Content-Type', 'application/json', 'Content-Length', '', ...end];
    this.#known = [...begin, ...end];
  }

  fill(isKnown: boolean, limit: string, product: NearProduct, now_ms: number): string[] {
    const head = isKnown ? this.#known : this.#found;
    head[3] = limit;
    head[7] = String(Math.floor((now_ms - product.storedAt_ms) / 1000));
    head[11] = product.version;
    head[13] = product.etag;
    if (!isKnown) head[17] = product.length;
    return head;
  }
}
