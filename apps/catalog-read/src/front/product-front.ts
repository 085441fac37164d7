import type { IncomingMessage, ServerResponse } from 'node:http';
import { outlastsRedis, type Source } from '@catalog/cache';
import { PRODUCT } from '@catalog/contracts';
import {
  answerError,
  type Authenticate,
  endReady,
  type Front,
  type FrontAnswer,
  type ImmediateLimit,
  type Logger,
  type Metrics,
  observeFront,
  type RequestSeries,
  takesReadyAnswer,
} from '@catalog/service-kit';
import type { Request, Response } from 'express';
import { lists as isListed, sendCached, sendEntity } from '../http/answer.ts';
import type { ProductLists } from '../products/lists.ts';
import { type PreparedProduct, preparedProduct } from '../products/prepared-product.ts';
import type { AtLeast, ProductLookup } from '../products/product-lookup.ts';
import type { ViewCounters } from '../products/view-counters.ts';
import { Admission, type Admitted } from './admission.ts';
import { ProductHeads } from './answer-heads.ts';
import { idsInList, isId, skuInSegment } from './product-address.ts';

export interface ProductFrontDeps {
  readonly lookup: ProductLookup;
  readonly lists: ProductLists;
  readonly views: ViewCounters;
  readonly authenticate: Authenticate;
  readonly rateLimiter: ImmediateLimit;
  readonly metrics: Metrics;
  readonly log: Logger;
}

const collection = '/v1/products';
const ids = '?ids=';
const products = `${collection}/`;
const bySku = `${products}by-sku/`;
const idLength = 36;

type Method = 'GET' | 'HEAD';

/** The series of one route, by method and status. */
type RouteSeries = Record<Method, Record<200 | 304, RequestSeries>>;

/**
 * Answers `GET` and `HEAD` of products by id, by SKU and with `ids=`. The routes in `products/routes.ts` answer the same; a test
 * compares both. Express takes 20 µs for a request, and the near cache less than one. Unusual requests are left to Express.
 */
export class ProductFront implements Front {
  readonly #deps: ProductFrontDeps;
  readonly #admission: Admission;
  readonly #observed: ReturnType<typeof observeFront>;
  readonly #series: Record<'one' | 'bySku' | 'many', RouteSeries>;
  readonly #heads: ProductHeads;

  constructor(deps: ProductFrontDeps) {
    this.#deps = deps;
    this.#admission = new Admission(deps);
    this.#observed = observeFront(deps);
    const seriesOf = (route: string, method: Method) => ({
      200: this.#observed.series(method, route, 200),
      304: this.#observed.series(method, route, 304),
    });
    const ofRoute = (route: string) => ({ GET: seriesOf(route, 'GET'), HEAD: seriesOf(route, 'HEAD') });
    this.#series = {
      one: ofRoute(`${products}:id`),
      bySku: ofRoute(`${bySku}:sku`),
      many: ofRoute(collection),
    };
    this.#heads = new ProductHeads(this.#admission.policy);
  }

  answer(req: IncomingMessage, res: ServerResponse): FrontAnswer {
    const { method, url = '' } = req;
    if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(collection)) return 'passedOn';
    if (this.#observed.isLogged() || !takesReadyAnswer(req)) return 'passedOn';
    if (url.startsWith(products)) return this.#answerOne(req, res as Response, method, url);
    return url.startsWith(ids, collection.length)
      ? this.#answerMany(req, res as Response, method, url)
      : 'passedOn';
  }

  #answerOne(req: IncomingMessage, res: Response, method: Method, url: string): FrontAnswer {
    const began_ms = performance.now();
    const { lookup } = this.#deps;
    const isSku = url.startsWith(bySku);
    const key = isSku ? skuInSegment(url.slice(bySku.length)) : url.slice(products.length);
    if (key === undefined || (!isSku && key.length !== idLength)) return 'passedOn';
    const near = isSku ? lookup.nearBySku(key, began_ms) : lookup.nearById(key, began_ms);
    const product = near && preparedProduct(near);
    const isNear = near !== undefined && product !== undefined;
    if (!isNear && !isSku && !isId(key)) return 'passedOn';
    const admitted = this.#admission.admit(req, res, !isNear, 1);
    if (admitted === undefined) return 'passedOn';
    const series = isSku ? this.#series.bySku : this.#series.one;
    if (!isNear) {
      this.#observed.began(res, series.GET[200].labels.route, began_ms);
      // Not, if the near cache knows that there is no such product.
      const asksRedis = near === undefined && !isSku && outlastsRedis(admitted.until_ms);
      void this.#readOne(res, method, isSku, key, admitted, asksRedis);
      return 'later';
    }
    const status = this.#send(res, method, admitted, product, 'near', began_ms - near.storedAt_ms);
    this.#observed.ended(res, series[method][status], began_ms);
    return 'answered';
  }

  #answerMany(req: IncomingMessage, res: Response, method: Method, url: string): FrontAnswer {
    const began_ms = performance.now();
    const { lists } = this.#deps;
    const asked = idsInList(url.slice(collection.length + ids.length));
    if (asked === undefined) return 'passedOn';
    const distinct = [...new Set(asked)];
    const near = lists.manyNear(distinct);
    if (near === undefined && !distinct.every(isId)) return 'passedOn';
    const admitted = this.#admission.admit(req, res, near === undefined, asked.length);
    if (admitted === undefined) return 'passedOn';
    const series = this.#series.many[method][200];
    if (near === undefined) {
      this.#observed.began(res, series.labels.route, began_ms);
      void this.#readMany(res, method, distinct, admitted);
      return 'later';
    }
    this.#admission.setHeaders(res, admitted);
    sendCached(res, lists.join(distinct, viewer(method, admitted), near));
    this.#observed.ended(res, series, began_ms);
    return 'answered';
  }

  /** @param asksRedis first, and alone: most products are there */
  async #readOne(
    res: Response,
    method: Method,
    isSku: boolean,
    key: string,
    admitted: Admitted,
    asksRedis: boolean,
  ): Promise<void> {
    const { lookup } = this.#deps;
    try {
      const id = isSku ? key : key.toLowerCase();
      // The near cache was asked for the id as it is written.
      const asked = asksRedis && id === key ? await lookup.askRedis(id, admitted.callerKey) : undefined;
      if (typeof asked === 'object') lookup.pay(admitted.callerKey, asked.answer);
      const answer =
        typeof asked === 'object'
          ? asked.answer
          : await (isSku
              ? lookup.bySku(key, anyVersion(admitted))
              : lookup.byId(id, anyVersion(admitted), asked));
      const product = preparedProduct(answer.entry);
      if (product !== undefined) this.#send(res, method, admitted, product, answer.source, answer.age_ms);
      else {
        this.#admission.setHeaders(res, admitted);
        sendEntity(res, PRODUCT, answer, admitted.ifNoneMatch);
      }
    } catch (error) {
      this.#fail(res, admitted, error);
    }
  }

  async #readMany(
    res: Response,
    method: Method,
    asked: readonly string[],
    admitted: Admitted,
  ): Promise<void> {
    try {
      const distinct = [...new Set(asked.map((id) => id.toLowerCase()))];
      const body = await this.#deps.lists.many(distinct, viewer(method, admitted), anyVersion(admitted));
      this.#admission.setHeaders(res, admitted);
      sendCached(res, body);
    } catch (error) {
      this.#fail(res, admitted, error);
    }
  }

  #fail(res: Response, admitted: Admitted, error: unknown): void {
    this.#admission.setHeaders(res, admitted);
    answerError(res as ServerResponse<Request>, error);
  }

  #send(
    res: Response,
    method: Method,
    admitted: Admitted,
    product: PreparedProduct,
    source: Source,
    age_ms: number,
  ): 200 | 304 {
    const { callerKey, ifNoneMatch, limit } = admitted;
    if (method === 'GET') this.#deps.views.countIn(product.counter, callerKey);
    const isKnown = ifNoneMatch !== undefined && isListed(ifNoneMatch, product.etag);
    const status = isKnown ? 304 : 200;
    const head = this.#heads.of(isKnown, limit, product, source, age_ms);
    endReady(res, status, head, isKnown || method === 'HEAD' ? undefined : product.text);
    return status;
  }
}

/** A HEAD is no view. */
const viewer = (method: Method, { callerKey }: Admitted): string | undefined =>
  method === 'GET' ? callerKey : undefined;

const anyVersion = ({ callerKey, until_ms }: Admitted): AtLeast => ({
  caller: callerKey,
  minVersion: 0,
  beforeBypass: () => Promise.resolve(),
  waitsUntil: () => until_ms,
});
