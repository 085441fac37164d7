import {
  etagOf,
  maxProductsPerAnswer,
  PRODUCT,
  productIdSchema,
  productsByIdSchema,
  productSchema,
  skuSchema,
  type Product,
} from '@catalog/contracts';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { EntityReads } from '../entity-reads.ts';
import { invalidArgument } from '../errors.ts';
import type { LocalCache } from '../local-cache.ts';
import { bodyOf, staleFor_ms, type Reading } from '../reading.ts';
import { readOrKept, type ReadOptions } from '../stale-if-error.ts';
import { Deadline, type CallOptions } from '../transport/deadline.ts';
import type { Transport } from '../transport/transport.ts';
import type { WrittenVersions } from '../written-versions.ts';
import { TickBatch } from './tick-batch.ts';

export interface ReadContext {
  readonly transport: Transport;
  readonly written: WrittenVersions;
  readonly products: LocalCache<Product>;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
  deadline(options: CallOptions): Deadline;
}

export const lenientProductSchema: z.ZodType<Product> = z.object(productSchema.shape);
const foundSchema = z.object({
  data: z.array(lenientProductSchema),
  missing: productsByIdSchema.shape.missing,
});

/** Which id last bore an SKU: a hint that saves a question, never an answer. */
const rememberedSkus = 10_000;

/** Single reads of products. Those of one tick are one request; each is as new as what this client wrote. */
export class ProductReads {
  readonly #context: ReadContext;
  readonly #single: EntityReads<Product>;
  readonly #batch: TickBatch<Deadline, Reading<Product>>;
  readonly #idOfSku = new LRUCache<string, string>({ max: rememberedSkus });

  constructor(context: ReadContext) {
    this.#context = context;
    this.#single = new EntityReads({
      ...context,
      schema: lenientProductSchema,
      cache: context.products,
      keyOf: ({ id }) => id,
    });
    this.#batch = new TickBatch((wanted) => this.#load(wanted));
  }

  async byId(id: string, options: ReadOptions): Promise<Product | null> {
    const key = productIdSchema.safeParse(id);
    if (!key.success) throw invalidArgument('id', 'must be a UUID');
    const deadline = this.#context.deadline(options);
    return this.#answer(key.data, options, () => deadline.bound(() => this.#batch.get(key.data, deadline)));
  }

  async bySku(sku: string, options: ReadOptions): Promise<Product | null> {
    if (!skuSchema.safeParse(sku).success) throw invalidArgument('sku', 'is no SKU');
    const hinted = this.#idOfSku.get(sku);
    if (hinted !== undefined) {
      const product = await this.byId(hinted, options);
      if (product?.sku === sku) return product;
      this.#idOfSku.delete(sku);
    }
    // A URL cannot hold a path segment of dots: it would silently name another address.
    if (sku === '.' || sku === '..') throw invalidArgument('sku', 'cannot be part of an address');
    return this.#answer('', options, () => this.#bySkuAddress(sku, this.#context.deadline(options)));
  }

  /** What a write has answered is as good as read. */
  learned(product: Product, etag: string): void {
    const { products, now } = this.#context;
    this.#idOfSku.set(product.sku, product.id);
    products.keep(product.id, { body: product, version: product.version, etag, checkedAt_ms: now() });
  }

  async #bySkuAddress(sku: string, deadline: Deadline): Promise<Reading<Product>> {
    const path = `/v1/products/by-sku/${encodeURIComponent(sku)}`;
    const { written } = this.#context;
    let reading = await this.#single.read(undefined, path, deadline);
    if (reading.body !== null && reading.version < written.of(reading.body.id)) {
      // An SKU that this client has since moved or freed. One more than the old version passes the caches.
      reading = await this.#single.read(undefined, path, deadline, reading.version + 1);
    }
    if (reading.body !== null) this.#idOfSku.set(sku, reading.body.id);
    return reading;
  }

  /** The outcome for one caller, who may allow what the local cache has. */
  #answer(id: string, options: ReadOptions, read: () => Promise<Reading<Product>>): Promise<Product | null> {
    const { products, now } = this.#context;
    return readOrKept(read, products.get(id), options, now);
  }

  async #load(
    wanted: ReadonlyMap<string, readonly Deadline[]>,
  ): Promise<ReadonlyMap<string, Reading<Product>>> {
    const ids = [...wanted.keys()];
    const chunks: string[][] = [];
    for (let at = 0; at < ids.length; at += maxProductsPerAnswer)
      chunks.push(ids.slice(at, at + maxProductsPerAnswer));
    const loaded = await Promise.all(
      chunks.map((chunk) => {
        const deadline = Deadline.latest(
          chunk.flatMap((id) => wanted.get(id) ?? []),
          this.#context.now,
        );
        return chunk.length === 1 ? this.#loadOne(chunk[0] ?? '', deadline) : this.#loadMany(chunk, deadline);
      }),
    );
    return new Map(loaded.flat());
  }

  async #loadOne(id: string, deadline: Deadline): Promise<[string, Reading<Product>][]> {
    const reading = await this.#single.read(id, `/v1/products/${id}`, deadline);
    if (reading.body !== null) this.#idOfSku.set(reading.body.sku, id);
    return [[id, reading]];
  }

  async #loadMany(ids: readonly string[], deadline: Deadline): Promise<[string, Reading<Product>][]> {
    const { transport, written, products, now } = this.#context;
    const askedAt_ms = now();
    // Without Min-Version: one for all would push every product that was not written lately past the caches.
    const answer = await transport.send(
      { service: 'catalog-read', method: 'GET', path: `/v1/products?ids=${ids.join(',')}`, repeatable: true },
      deadline,
    );
    const { data } = bodyOf(foundSchema, answer);
    const stale_ms = staleFor_ms(answer);
    const found = new Map(data.map((product) => [product.id, product]));
    return Promise.all(
      ids.map(async (id): Promise<[string, Reading<Product>]> => {
        const body = found.get(id) ?? null;
        const version = body?.version ?? 0;
        if (version < written.of(id))
          return [id, await this.#single.read(id, `/v1/products/${id}`, deadline)];
        if (body === null) products.forget(id);
        else {
          this.#idOfSku.set(body.sku, id);
          const checkedAt_ms = askedAt_ms - (stale_ms ?? 0);
          products.keep(id, { body, version, etag: etagOf(PRODUCT, version), checkedAt_ms });
        }
        return [id, { body, version, staleFor_ms: stale_ms }];
      }),
    );
  }
}
