import { randomUUID } from 'node:crypto';
import {
  etagOf,
  PRODUCT,
  productChangeSchema,
  type Product,
  type ProductChange,
  type ProductListQuery,
  type ProductPatch,
  type productCreateSchema,
} from '@catalog/contracts';
import { z } from 'zod';
import { bodyOf, versionOf } from '../reading.ts';
import type { CallOptions } from '../transport/deadline.ts';
import type { ReadOptions } from '../stale-if-error.ts';
import { lenientProductSchema, ProductReads, type ReadContext } from './product-reads.ts';

export type NewProduct = z.input<typeof productCreateSchema>;
export type ProductFilter = Omit<ProductListQuery, 'limit' | 'cursor'>;

export interface ListOptions extends CallOptions {
  /** Products to a request, 1 … 100. */
  readonly pageSize?: number;
}

export interface CreateOptions extends CallOptions {
  /** The same key is answered the same, whoever of this service asks again; drawn at random unless given. */
  readonly idempotencyKey?: string;
}

/** What a write applies to: the version that was read, or, by its id alone, whatever is there. */
export type Target = Pick<Product, 'id' | 'version'> | string;

const pageSchema = z.object({
  data: z.array(lenientProductSchema),
  page: z.object({ nextCursor: z.string().nullable() }),
});
const historySchema = z.object({
  data: z.array(z.object(productChangeSchema.shape)),
  page: pageSchema.shape.page,
});
const dataSchema = z.object({ data: z.array(lenientProductSchema) });

/** Products of the catalog. Everything throws CatalogProblem, CatalogUnavailable or ServiceKeyError. */
export class Products {
  readonly #context: ReadContext;
  readonly #reads: ProductReads;

  constructor(context: ReadContext) {
    this.#context = context;
    this.#reads = new ProductReads(context);
  }

  /** null where there is none. Reads made in one tick are one request. */
  get(id: string, options: ReadOptions = {}): Promise<Product | null> {
    return this.#reads.byId(id, options);
  }

  getBySku(sku: string, options: ReadOptions = {}): Promise<Product | null> {
    return this.#reads.bySku(sku, options);
  }

  /** Those of any number of ids that exist, by id. */
  async getMany(ids: Iterable<string>, options: ReadOptions = {}): Promise<Map<string, Product>> {
    const products = await Promise.all([...new Set(ids)].map((id) => this.#reads.byId(id, options)));
    return new Map(products.filter((product) => product !== null).map((product) => [product.id, product]));
  }

  /** All that match, by id, read page by page as they are consumed; `timeout_ms` is that of each page. */
  async *list(
    filter: ProductFilter = {},
    { pageSize = 100, ...options }: ListOptions = {},
  ): AsyncGenerator<Product> {
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(pageSize) });
      for (const [name, value] of Object.entries(filter)) if (value !== undefined) query.set(name, value);
      if (cursor !== null) query.set('cursor', cursor);
      const answer = await this.#context.transport.send(
        {
          service: 'catalog-read',
          method: 'GET',
          path: `/v1/products?${query.toString()}`,
          repeatable: true,
        },
        this.#context.deadline(options),
      );
      const { data, page } = bodyOf(pageSchema, answer);
      yield* data;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** The most read, most read first. */
  async popular(limit = 10, options: CallOptions = {}): Promise<Product[]> {
    const answer = await this.#context.transport.send(
      {
        service: 'catalog-read',
        method: 'GET',
        path: `/v1/products/popular?limit=${limit}`,
        repeatable: true,
      },
      this.#context.deadline(options),
    );
    return bodyOf(dataSchema, answer).data;
  }

  /** Who changed what, newest first, as far back as history is kept; read page by page as it is consumed. */
  async *history(id: string, options: CallOptions = {}): AsyncGenerator<ProductChange> {
    let cursor: string | null = null;
    do {
      const query: string = cursor === null ? '' : `?cursor=${cursor}`;
      const answer = await this.#context.transport.send(
        {
          service: 'catalog-write',
          method: 'GET',
          path: `/v1/products/${encodeURIComponent(id)}/history${query}`,
          repeatable: true,
        },
        this.#context.deadline(options),
      );
      const { data, page } = bodyOf(historySchema, answer);
      yield* data;
      cursor = page.nextCursor;
    } while (cursor !== null);
  }

  /** Made once, however often it had to be asked for. */
  async create(
    product: NewProduct,
    { idempotencyKey = randomUUID(), ...options }: CreateOptions = {},
  ): Promise<Product> {
    const answer = await this.#context.transport.send(
      {
        service: 'catalog-write',
        method: 'POST',
        path: '/v1/products',
        repeatable: true,
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': idempotencyKey },
        body: product,
      },
      this.#context.deadline(options),
    );
    return this.#written(bodyOf(lenientProductSchema, answer), answer.headers);
  }

  /** Merges a patch. `version_changed` where somebody else was faster: read it again and decide anew. */
  async update(target: Target, patch: ProductPatch, options: CallOptions = {}): Promise<Product> {
    const { id, ifMatch } = addressOf(target);
    const answer = await this.#context.transport.send(
      {
        service: 'catalog-write',
        method: 'PATCH',
        path: `/v1/products/${encodeURIComponent(id)}`,
        repeatable: false,
        headers: { 'Content-Type': 'application/merge-patch+json', 'If-Match': ifMatch },
        body: patch,
      },
      this.#context.deadline(options),
    );
    return this.#written(bodyOf(lenientProductSchema, answer), answer.headers);
  }

  async delete(target: Target, options: CallOptions = {}): Promise<void> {
    const { id, ifMatch } = addressOf(target);
    const answer = await this.#context.transport.send(
      {
        service: 'catalog-write',
        method: 'DELETE',
        path: `/v1/products/${encodeURIComponent(id)}`,
        repeatable: false,
        headers: { 'If-Match': ifMatch },
      },
      this.#context.deadline(options),
    );
    this.#context.written.note(id.toLowerCase(), versionOf(answer));
    this.#context.products.forget(id.toLowerCase());
  }

  #written(product: Product, headers: Headers): Product {
    this.#context.written.note(product.id, product.version);
    this.#reads.learned(product, headers.get('ETag') ?? etagOf(PRODUCT, product.version));
    return product;
  }
}

function addressOf(target: Target): { id: string; ifMatch: string } {
  if (typeof target === 'string') return { id: target, ifMatch: '*' };
  return { id: target.id, ifMatch: etagOf(PRODUCT, target.version) };
}
