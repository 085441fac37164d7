import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { type Answer, type NearEntry, outlastsRedis, type Source } from '@catalog/cache';
import { PRODUCT } from '@catalog/contracts';
import {
  answerError,
  type Authenticate,
  endReady,
  Found,
  type Front,
  type FrontAnswer,
  type ImmediateLimit,
  type Logger,
  type Metrics,
  observeFront,
  type PlainRequest,
  type ReadyAnswer,
  type RequestSeries,
  takesReadyAnswer,
} from '@catalog/service-kit';
import type { Request, Response } from 'express';
import { isLarge } from '../http/load-budget.ts';
import { lists as isListed, sendCached, sendEntity } from '../http/answer.ts';
import type { ProductLists } from '../products/lists.ts';
import { type PreparedProduct, preparedProduct } from '../products/prepared-product.ts';
import type { AtLeast, ProductLookup } from '../products/product-lookup.ts';
import type { ViewCounters } from '../products/view-counters.ts';
import { Admission, type Admitted } from './admission.ts';
import { ProductHeads } from './answer-heads.ts';
import { idsInList, isId, isLowerCaseId, type ProductAddress, productAddress } from './product-address.ts';

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
const many = `${collection}?ids=`;
const products = `${collection}/`;
const bySku = `${products}by-sku/:sku`;

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
      bySku: ofRoute(bySku),
      many: ofRoute(collection),
    };
    this.#heads = new ProductHeads(this.#admission.policy);
  }

  answer(req: IncomingMessage, res: ServerResponse, found?: Found): FrontAnswer {
    const { method, url = '' } = req;
    if ((method !== 'GET' && method !== 'HEAD') || !url.startsWith(collection)) return 'passedOn';
    if (this.#observed.isLogged() || !takesReadyAnswer(req)) return 'passedOn';
    if (found instanceof FoundProduct) return this.#sendFound(res as Response, found);
    if (url.startsWith(products)) return this.#answerOne(req, res as Response, method, url);
    return url.startsWith(many) ? this.#answerMany(req, res as Response, method, url) : 'passedOn';
  }

  #answerOne(req: IncomingMessage, res: Response, method: Method, url: string): FrontAnswer {
    const began_ms = performance.now();
    const one = productAddress(url.slice(products.length));
    if (one === undefined) return 'passedOn';
    const near = this.#near(one, began_ms);
    const product = near && preparedProduct(near);
    const isNear = near !== undefined && product !== undefined;
    if (!isNear && !one.isSku && !isId(one.key)) return 'passedOn';
    const admitted = this.#admission.admit(req, res, !isNear, 1);
    if (admitted === undefined) return 'passedOn';
    if (!isNear) {
      this.#observed.began(res, this.#seriesOf(one, 'GET', 200).labels.route, began_ms);
      // Not, if the near cache knows that there is no such product.
      const asksRedis = near === undefined && isLowerCaseId(one.key) && outlastsRedis(admitted.until_ms);
      void this.#readOne(res, method, one, admitted, this.#find(one, admitted, asksRedis), began_ms);
      return 'later';
    }
    const age_ms = began_ms - near.storedAt_ms;
    const ready = this.#ready(one, method, admitted, product, 'near', age_ms, began_ms);
    endReady(res, ready);
    this.#observed.ended(res, ready.series, began_ms);
    return 'answered';
  }

  answerRepeated(request: PlainRequest): ReadyAnswer | Promise<ReadyAnswer | Found> | undefined {
    const { url, headers, socket } = request;
    if (!url.startsWith(collection) || this.#observed.isLogged()) return undefined;
    if (url.startsWith(many)) return this.#answerManyRepeated(request);
    if (!url.startsWith(products)) return undefined;
    const began_ms = performance.now();
    const one = productAddress(url.slice(products.length));
    if (one === undefined) return undefined;
    const near = this.#near(one, began_ms);
    const product = near && preparedProduct(near);
    const isNear = near !== undefined && product !== undefined;
    if (!isNear && (near !== undefined || (!one.isSku && !isLowerCaseId(one.key)))) return undefined;
    const admitted = this.#admission.admitPlain(headers, socket, !isNear, 1);
    if (admitted === undefined) return undefined;
    if (!isNear) return this.#findRepeated(socket, one, admitted, began_ms);
    return this.#ready(one, 'GET', admitted, product, 'near', began_ms - near.storedAt_ms, began_ms);
  }

  left({ series, began_ms }: ReadyAnswer): void {
    this.#observed.left(series, began_ms);
  }

  /** Reads a product for a repeated request. `answer` sends errors, absent products and slow reads, because they need a log record or a 404. */
  async #findRepeated(
    socket: Socket,
    one: ProductAddress,
    admitted: Admitted,
    began_ms: number,
  ): Promise<ReadyAnswer | Found> {
    const asksRedis = !one.isSku && outlastsRedis(admitted.until_ms);
    const outcome = this.#find(one, admitted, asksRedis);
    try {
      const answer = await outcome;
      const product = preparedProduct(answer.entry);
      if (product !== undefined && !this.#observed.isSlow(began_ms))
        return this.#ready(one, 'GET', admitted, product, answer.source, answer.age_ms, began_ms);
    } catch {
      // `outcome` has the error.
    } finally {
      if (!socket.writable) this.#observed.left(this.#seriesOf(one, 'GET', 200), began_ms);
    }
    return new FoundProduct(one, admitted, began_ms, outcome);
  }

  #sendFound(res: Response, { one, admitted, began_ms, outcome }: FoundProduct): FrontAnswer {
    this.#observed.began(res, this.#seriesOf(one, 'GET', 200).labels.route, began_ms);
    void this.#readOne(res, 'GET', one, admitted, outcome, began_ms);
    return 'later';
  }

  #near({ isSku, key }: ProductAddress, now_ms: number): NearEntry | undefined {
    const { lookup } = this.#deps;
    return isSku ? lookup.nearBySku(key, now_ms) : lookup.nearById(key, now_ms);
  }

  #seriesOf({ isSku }: ProductAddress, method: Method, status: 200 | 304): RequestSeries {
    return (isSku ? this.#series.bySku : this.#series.one)[method][status];
  }

  #answerMany(req: IncomingMessage, res: Response, method: Method, url: string): FrontAnswer {
    const began_ms = performance.now();
    const asked = idsInList(url.slice(many.length));
    if (asked === undefined) return 'passedOn';
    const near = this.#deps.lists.near(asked, began_ms);
    // The routes make the caller pay for a large answer.
    if (near === undefined ? !asked.every(isId) : isLarge(near)) return 'passedOn';
    const admitted = this.#admission.admit(req, res, near === undefined, asked.length);
    if (admitted === undefined) return 'passedOn';
    if (near === undefined) {
      this.#observed.began(res, this.#series.many[method][200].labels.route, began_ms);
      void this.#readMany(res, method, asked, admitted);
      return 'later';
    }
    const ready = this.#readyMany(asked, near, method, admitted, began_ms);
    endReady(res, ready);
    this.#observed.ended(res, ready.series, began_ms);
    return 'answered';
  }

  #answerManyRepeated({ url, headers, socket }: PlainRequest): ReadyAnswer | undefined {
    const began_ms = performance.now();
    const asked = idsInList(url.slice(many.length));
    const near = asked && this.#deps.lists.near(asked, began_ms);
    if (asked === undefined || near === undefined || isLarge(near)) return undefined;
    const admitted = this.#admission.admitPlain(headers, socket, false, asked.length);
    return admitted && this.#readyMany(asked, near, 'GET', admitted, began_ms);
  }

  #readyMany(
    asked: readonly string[],
    near: readonly NearEntry[],
    method: Method,
    admitted: Admitted,
    began_ms: number,
  ): ReadyAnswer {
    const body = this.#deps.lists.manyNear(asked, near, viewer(method, admitted), began_ms);
    return {
      status: 200,
      head: this.#heads.ofMany(admitted.limit, body),
      body: method === 'HEAD' ? undefined : body.payload,
      series: this.#series.many[method][200],
      began_ms,
    };
  }

  async #readOne(
    res: Response,
    method: Method,
    one: ProductAddress,
    admitted: Admitted,
    outcome: Promise<Answer>,
    began_ms: number,
  ): Promise<void> {
    try {
      this.#sendOne(res, method, one, admitted, await outcome, began_ms);
    } catch (error) {
      this.#fail(res, admitted, error);
    }
  }

  /** @param asksRedis for this id, first and alone: most products are there */
  async #find({ isSku, key }: ProductAddress, admitted: Admitted, asksRedis: boolean): Promise<Answer> {
    const { lookup } = this.#deps;
    if (isSku) return lookup.bySku(key, anyVersion(admitted));
    const asked = asksRedis ? await lookup.askRedis(key, admitted.callerKey) : undefined;
    if (typeof asked !== 'object') return lookup.byId(key.toLowerCase(), anyVersion(admitted), asked);
    lookup.pay(admitted.callerKey, asked.answer);
    return asked.answer;
  }

  #sendOne(
    res: Response,
    method: Method,
    one: ProductAddress,
    admitted: Admitted,
    answer: Answer,
    began_ms: number,
  ): void {
    const product = preparedProduct(answer.entry);
    if (product !== undefined) {
      const { source, age_ms } = answer;
      endReady(res, this.#ready(one, method, admitted, product, source, age_ms, began_ms));
      return;
    }
    this.#admission.setHeaders(res, admitted);
    sendEntity(res, PRODUCT, answer, admitted.ifNoneMatch);
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

  /** Counts a view, if it is one. */
  #ready(
    one: ProductAddress,
    method: Method,
    admitted: Admitted,
    product: PreparedProduct,
    source: Source,
    age_ms: number,
    began_ms: number,
  ): ReadyAnswer {
    const { callerKey, ifNoneMatch, limit } = admitted;
    if (method === 'GET') this.#deps.views.countIn(product.views, callerKey, began_ms);
    const isKnown = ifNoneMatch !== undefined && isListed(ifNoneMatch, product.etag);
    const status = isKnown ? 304 : 200;
    return {
      status,
      head: this.#heads.of(isKnown, limit, product, source, age_ms),
      body: isKnown || method === 'HEAD' ? undefined : product.text,
      series: this.#seriesOf(one, method, status),
      began_ms,
    };
  }
}

class FoundProduct extends Found {
  readonly one: ProductAddress;
  readonly admitted: Admitted;
  readonly began_ms: number;
  /** Settled by now. */
  readonly outcome: Promise<Answer>;

  constructor(one: ProductAddress, admitted: Admitted, began_ms: number, outcome: Promise<Answer>) {
    super();
    this.one = one;
    this.admitted = admitted;
    this.began_ms = began_ms;
    this.outcome = outcome;
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
