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
import DataLoader from 'dataloader';
import { LRUCache } from 'lru-cache';
import { z } from 'zod';
import { bodyOf, unexpected, staleFor_ms, type ReadResult } from '../answers.ts';
import { EntityReader, type ClientContext } from '../entity-reader.ts';
import { invalidArgument } from '../errors.ts';
import type { LocalCache } from '../local-cache.ts';
import { readOrUseCached, type ReadOptions } from '../stale-if-error.ts';
import { Deadline } from '../transport/deadline.ts';

export interface ProductContext extends ClientContext {
  readonly cache: LocalCache<Product>;
}

export const lenientProductSchema: z.ZodType<Product> = z.object(productSchema.shape);
const foundSchema = z.object({
  data: z.array(lenientProductSchema),
  missing: productsByIdSchema.shape.missing,
});

const rememberedSkus = 10_000;

interface WantedProduct {
  readonly id: string;
  readonly deadline: Deadline;
  readonly minVersion: number;
}

/** Reads products by id and by SKU. The reads of one tick travel in one request. Each sees what this client wrote. */
export class ProductReader {
  readonly #context: ProductContext;
  readonly #single: EntityReader<Product>;
  readonly #batch: DataLoader<WantedProduct, ReadResult<Product>>;
  /** The id that last had a SKU. It is only a hint that saves a request, so the answer is checked. */
  readonly #idOfSku = new LRUCache<string, string>({ max: rememberedSkus });

  constructor(context: ProductContext) {
    this.#context = context;
    this.#single = new EntityReader({ ...context, schema: lenientProductSchema, keyOf: ({ id }) => id });
    this.#batch = new DataLoader((wanted) => this.#load(wanted), {
      // The local cache stores what was read. A cache here would repeat old answers for ever.
      cache: false,
      maxBatchSize: maxProductsPerAnswer,
    });
  }

  async byId(id: string, options: ReadOptions): Promise<Product | null> {
    const key = productIdSchema.safeParse(id);
    if (!key.success) throw invalidArgument('id', 'must be a UUID');
    const { minVersion = 0 } = options;
    const wanted = { id: key.data, deadline: this.#context.deadline(options), minVersion };
    return this.#answer(key.data, options, () => wanted.deadline.bound(() => this.#batch.load(wanted)));
  }

  async bySku(sku: string, options: ReadOptions): Promise<Product | null> {
    if (!skuSchema.safeParse(sku).success) throw invalidArgument('sku', 'must be a SKU');
    const hinted = this.#idOfSku.get(sku);
    if (hinted !== undefined) {
      const product = await this.byId(hinted, options);
      if (product?.sku === sku) return product;
      this.#idOfSku.delete(sku);
    }
    // URLs resolve these path segments, so the request would silently go to another address.
    if (sku === '.' || sku === '..') throw invalidArgument('sku', 'cannot be part of an address');
    const deadline = this.#context.deadline(options);
    return this.#answer('', options, () => this.#bySkuAddress(sku, deadline, options.minVersion ?? 0));
  }

  /** Stores the product that a write has answered, as if it had been read. */
  remember(product: Product, etag: string): void {
    const { cache, now } = this.#context;
    this.#idOfSku.set(product.sku, product.id);
    cache.set(product.id, { body: product, version: product.version, etag, checkedAt_ms: now() });
  }

  async #bySkuAddress(sku: string, deadline: Deadline, minVersion: number): Promise<ReadResult<Product>> {
    const path = `/v1/products/by-sku/${encodeURIComponent(sku)}`;
    const { ownWrites } = this.#context;
    // The product that has the SKU may be unchanged since long before `minVersion`. So the first request asks for any version;
    // but with that, the catalog looks into its database before it says that nobody has the SKU.
    let found = await this.#single.read(undefined, path, deadline, Math.min(minVersion, 1));
    if (found.body !== null && found.version < minVersion) {
      const wanted = { id: found.body.id, deadline, minVersion };
      const now = await deadline.bound(() => this.#batch.load(wanted));
      // Otherwise the SKU has moved. A Min-Version above the old version bypasses the caches.
      found =
        now.body?.sku === sku ? now : await this.#single.read(undefined, path, deadline, found.version + 1);
    } else if (found.body !== null && found.version < ownWrites.versionOf(found.body.id)) {
      // This client has since moved or freed the SKU.
      found = await this.#single.read(undefined, path, deadline, found.version + 1);
    }
    if (found.body !== null) this.#idOfSku.set(sku, found.body.id);
    return found;
  }

  /** The result for one caller, who may accept a cached product. */
  #answer(
    id: string,
    options: ReadOptions,
    read: () => Promise<ReadResult<Product>>,
  ): Promise<Product | null> {
    const { cache, now } = this.#context;
    return readOrUseCached(read, cache.get(id), options, now);
  }

  /**
   * Loads a batch, with one request for each `minVersion` in it. A request runs as long as its most patient caller waits;
   * `bound` ends the others earlier.
   */
  async #load(batch: readonly WantedProduct[]): Promise<(ReadResult<Product> | Error)[]> {
    const loaded = new Map<number, Promise<ReadonlyMap<string, ReadResult<Product>>>>();
    for (const [minVersion, group] of Map.groupBy(batch, (wanted) => wanted.minVersion))
      loaded.set(minVersion, this.#loadGroup(group, minVersion));
    return Promise.all(
      batch.map(async ({ id, minVersion }) => {
        try {
          return (await loaded.get(minVersion))?.get(id) ?? new Error(`the batch was loaded without ${id}`);
        } catch (error) {
          return error instanceof Error ? error : new Error(String(error));
        }
      }),
    );
  }

  async #loadGroup(
    group: readonly WantedProduct[],
    minVersion: number,
  ): Promise<ReadonlyMap<string, ReadResult<Product>>> {
    const ids = [...new Set(group.map(({ id }) => id))];
    const deadline = Deadline.latest(
      group.map(({ deadline }) => deadline),
      this.#context.now,
    );
    const [only] = ids;
    return only !== undefined && ids.length === 1 && minVersion === 0
      ? new Map([[only, await this.#loadOne(only, deadline)]])
      : this.#loadMany(ids, deadline, minVersion);
  }

  async #loadOne(id: string, deadline: Deadline): Promise<ReadResult<Product>> {
    const found = await this.#single.read(id, `/v1/products/${id}`, deadline);
    if (found.body !== null) this.#idOfSku.set(found.body.sku, id);
    return found;
  }

  async #loadMany(
    ids: readonly string[],
    deadline: Deadline,
    minVersion: number,
  ): Promise<ReadonlyMap<string, ReadResult<Product>>> {
    const { transport, ownWrites, cache, now } = this.#context;
    const sentAt_ms = now();
    // The Min-Version of the caller, not those of this client's own writes. With one of these for all, every product that was
    // not written lately would bypass the caches.
    const answer = await transport.send(
      {
        service: 'catalog-read',
        method: 'GET',
        path: `/v1/products?ids=${ids.join(',')}`,
        idempotent: true,
        ...(minVersion > 0 && { headers: { 'Min-Version': String(minVersion) } }),
      },
      deadline,
    );
    const { data, missing } = bodyOf(foundSchema, answer);
    const stale_ms = staleFor_ms(answer);
    const found = new Map(data.map((product) => [product.id, product]));
    const known = new Set([...found.keys(), ...missing]);
    if (!ids.every((id) => known.has(id))) throw unexpected(answer, 'it says nothing about some of the ids');
    const results = ids.map(async (id): Promise<[string, ReadResult<Product>]> => {
      const body = found.get(id) ?? null;
      const version = body?.version ?? 0;
      if (version < ownWrites.versionOf(id))
        return [id, await this.#single.read(id, `/v1/products/${id}`, deadline)];
      if (body === null) cache.delete(id);
      else {
        this.#idOfSku.set(body.sku, id);
        const checkedAt_ms = sentAt_ms - (stale_ms ?? 0);
        cache.set(id, { body, version, etag: etagOf(PRODUCT, version), checkedAt_ms });
      }
      return [id, { body, version, staleFor_ms: stale_ms }];
    });
    return new Map(await Promise.all(results));
  }
}
