import { randomUUID } from 'node:crypto';
import {
  etagOf,
  PRODUCT,
  productChangeSchema,
  type Product,
  type ProductChange,
  type ProductPatch,
  type productCreateSchema,
  writeList,
} from '@catalog/contracts';
import { z } from 'zod';
import { bodyOf, versionOf } from '../answers.ts';
import type { ReadOptions } from '../stale-if-error.ts';
import type { CallOptions } from '../transport/deadline.ts';
import type { CatalogAnswer, CatalogRequest, CatalogService } from '../transport/transport.ts';
import { lenientProductSchema, ProductReader, type ProductContext } from './product-reader.ts';

export type NewProduct = z.input<typeof productCreateSchema>;
type OneOrMore<T> = T | readonly T[];

/** Several values of one filter match any of them. */
export interface ProductFilter {
  readonly category?: OneOrMore<string>;
  readonly brand?: OneOrMore<string>;
  /** `active` unless given. */
  readonly status?: OneOrMore<Product['status']>;
  readonly q?: string;
  /** Prices in minor units. */
  readonly minPrice?: number;
  readonly maxPrice?: number;
  /** Weights in grams. */
  readonly minWeight?: number;
  readonly maxWeight?: number;
  /** ISO 8601, such as `2026-11-28T12:00:00Z`. */
  readonly updatedSince?: string;
  /** `name`, `price`, `updatedAt` or `createdAt`, each with `-` in front for the other way. */
  readonly sort?: OneOrMore<string>;
}

export interface ListOptions extends CallOptions {
  /** Products per request, 1 to 100. */
  readonly pageSize?: number;
}

export interface CreateOptions extends CallOptions {
  /** A second call of this service with the same key gets the same answer. Random unless given. */
  readonly idempotencyKey?: string;
}

/** What a write applies to: the version that was read, or, given only an id, any version. */
export type Target = Pick<Product, 'id' | 'version'> | string;

const dataSchema = z.object({ data: z.array(lenientProductSchema) });
const lenientChangeSchema: z.ZodType<ProductChange> = z.object(productChangeSchema.shape);

/** Products of the catalog. Every method may throw CatalogProblem, CatalogUnavailable or ServiceKeyError. */
export class Products {
  readonly #context: ProductContext;
  readonly #reader: ProductReader;

  constructor(context: ProductContext) {
    this.#context = context;
    this.#reader = new ProductReader(context);
  }

  /** null when it does not exist. Reads of one tick travel in one request. */
  get(id: string, options: ReadOptions = {}): Promise<Product | null> {
    return this.#reader.byId(id, options);
  }

  getBySku(sku: string, options: ReadOptions = {}): Promise<Product | null> {
    return this.#reader.bySku(sku, options);
  }

  /** The products that exist, by id. Takes any number of ids. */
  async getMany(ids: Iterable<string>, options: ReadOptions = {}): Promise<Map<string, Product>> {
    const products = await Promise.all([...new Set(ids)].map((id) => this.#reader.byId(id, options)));
    return new Map(products.filter((product) => product !== null).map((product) => [product.id, product]));
  }

  /** All products that match. Requests a page only when the caller needs it; `timeout_ms` limits each page. */
  list(filter: ProductFilter = {}, options: ListOptions = {}): AsyncGenerator<Product> {
    const query = new URLSearchParams({ limit: String(options.pageSize ?? 100) });
    for (const [name, value] of Object.entries(filter as Record<string, OneOrMore<string | number>>))
      if (value !== undefined) query.set(name, writeList([value].flat().map(String)));
    return this.#pages('catalog-read', '/v1/products', query, lenientProductSchema, options);
  }

  /** The most read products, most read first. */
  async popular(limit = 10, options: CallOptions = {}): Promise<Product[]> {
    const path = `/v1/products/popular?limit=${limit}`;
    const answer = await this.#send(
      { service: 'catalog-read', method: 'GET', path, idempotent: true },
      options,
    );
    return bodyOf(dataSchema, answer).data;
  }

  /** Who changed what, newest first, as far back as history is kept. Requests a page only when the caller needs it. */
  history(id: string, options: CallOptions = {}): AsyncGenerator<ProductChange> {
    const path = `/v1/products/${encodeURIComponent(id)}/history`;
    return this.#pages('catalog-write', path, new URLSearchParams(), lenientChangeSchema, options);
  }

  /** Creates the product once, even when the request has to be sent again. */
  async create(
    product: NewProduct,
    { idempotencyKey = randomUUID(), ...options }: CreateOptions = {},
  ): Promise<Product> {
    const answer = await this.#send(
      {
        service: 'catalog-write',
        method: 'POST',
        path: '/v1/products',
        idempotent: true,
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
        body: product,
      },
      options,
    );
    return this.#written(answer);
  }

  /** Merges a patch. On `version_changed` another caller was faster: read the product again and decide again. */
  async update(target: Target, patch: ProductPatch, options: CallOptions = {}): Promise<Product> {
    const { path, ifMatch } = addressOf(target);
    const answer = await this.#send(
      {
        service: 'catalog-write',
        method: 'PATCH',
        path,
        idempotent: false,
        headers: { 'Content-Type': 'application/merge-patch+json', 'If-Match': ifMatch },
        body: patch,
      },
      options,
    );
    return this.#written(answer);
  }

  async delete(target: Target, options: CallOptions = {}): Promise<void> {
    const { id, path, ifMatch } = addressOf(target);
    const headers = { 'If-Match': ifMatch };
    const answer = await this.#send(
      { service: 'catalog-write', method: 'DELETE', path, idempotent: false, headers },
      options,
    );
    this.#context.ownWrites.note(id.toLowerCase(), versionOf(answer));
    this.#context.cache.delete(id.toLowerCase());
  }

  async *#pages<Item>(
    service: CatalogService,
    path: string,
    query: URLSearchParams,
    itemSchema: z.ZodType<Item>,
    options: CallOptions,
  ): AsyncGenerator<Item> {
    const pageSchema = z.object({
      data: z.array(itemSchema),
      page: z.object({ nextCursor: z.string().nullable() }),
    });
    for (;;) {
      const pagePath = query.size === 0 ? path : `${path}?${query.toString()}`;
      const answer = await this.#send({ service, method: 'GET', path: pagePath, idempotent: true }, options);
      const { data, page } = bodyOf(pageSchema, answer);
      yield* data;
      if (page.nextCursor === null) return;
      query.set('cursor', page.nextCursor);
    }
  }

  #send(request: CatalogRequest, options: CallOptions): Promise<CatalogAnswer> {
    return this.#context.transport.send(request, this.#context.deadline(options));
  }

  #written(answer: CatalogAnswer): Product {
    const product = bodyOf(lenientProductSchema, answer);
    this.#context.ownWrites.note(product.id, product.version);
    this.#reader.remember(product, answer.headers.get('ETag') ?? etagOf(PRODUCT, product.version));
    return product;
  }
}

function addressOf(target: Target): { id: string; path: string; ifMatch: string } {
  const id = typeof target === 'string' ? target : target.id;
  const ifMatch = typeof target === 'string' ? '*' : etagOf(PRODUCT, target.version);
  return { id, path: `/v1/products/${encodeURIComponent(id)}`, ifMatch };
}
