import { catalogIsAway, type CatalogClient, type ReadOptions } from '@catalog/catalog-client';
import { callerGaveUp } from '@catalog/contracts';
import { CallerTurns, type RequestLimit } from '@catalog/service-kit';
import type { CatalogCopy, CopiedProduct } from './catalog-copy.ts';

/** Where this service finds products: the catalog, and its copy for the time when the catalog is away. */
export interface ProductSources {
  readonly catalog: CatalogClient;
  readonly copy: Pick<CatalogCopy, 'find'>;
}

export interface LookupOptions extends Pick<ReadOptions, 'staleIfError_ms' | 'minVersion' | 'onStale'> {
  /** `callerKey` of the request. This caller pays for an unknown SKU. */
  readonly caller: string;
  /** When the caller stops waiting, by `performance.now()`. */
  readonly until_ms?: number;
}

/** Limits of one caller. An order has up to 100 lines, and all orders share the connections to the catalog. */
const lookups = { atOnce: 20, waiting: 1_000, wait_ms: 5_000 } as const;

/**
 * The number of requests that an unknown SKU counts as. The catalog looks for each unknown SKU in its database, past its caches,
 * and lets this service do that 500 times a second for all callers together. With the usual limit, one caller can do it 400 times
 * in ten seconds.
 */
export const unknownSkuCost = 25;

/**
 * So many SKUs of one request count as one more. The catalog takes 100,000 lookups in ten seconds of this service, for all callers
 * together. With the usual limit, one caller can ask for less than half of them.
 */
export const skusOfRequest = 5;

/** Finds products for callers. It limits the lookups of each caller at once, and unknown SKUs use up the caller's request limit. */
export class ProductLookup {
  readonly #sources: ProductSources;
  readonly #limit: RequestLimit | undefined;
  readonly #turns = new CallerTurns({ what: 'lookups of products', ...lookups });

  /** @param deps `rateLimiter` is the limiter of this service's requests: unknown SKUs count there too */
  constructor(deps: ProductSources & { readonly rateLimiter?: RequestLimit }) {
    this.#sources = deps;
    this.#limit = deps.rateLimiter;
  }

  /**
   * The product that bears the SKU now. While the catalog cannot answer it comes from the copy, if the copy is young enough and no
   * `minVersion` is asked for. `onStale` then hears the age of the copy.
   *
   * @throws the errors of the catalog client; CatalogError `rate_limited` if too many lookups of the caller wait, `unavailable`
   *   when the caller has given up
   */
  async find(
    sku: string,
    { caller, until_ms = Number.POSITIVE_INFINITY, ...options }: LookupOptions,
  ): Promise<CopiedProduct | null> {
    using _turn = await this.#turns.take(caller, until_ms);
    const left_ms = Math.ceil(until_ms - performance.now());
    if (left_ms < 1) throw callerGaveUp();
    const product = await this.#find(sku, {
      ...options,
      ...(Number.isFinite(left_ms) && { timeout_ms: left_ms }),
    });
    if (product === null) await this.#charge(caller, unknownSkuCost);
    return product;
  }

  async #find(
    sku: string,
    { staleIfError_ms = 0, minVersion = 0, ...options }: ReadOptions,
  ): Promise<CopiedProduct | null> {
    const { catalog, copy } = this.#sources;
    try {
      // If a version is given, even the first one, the catalog asks its database before it says that no product has the SKU.
      return await catalog.products.getBySku(sku, { ...options, minVersion: Math.max(1, minVersion) });
    } catch (error) {
      if (!catalogIsAway(error) || minVersion > 0 || staleIfError_ms === 0) throw error;
      const found = await copy.find(sku);
      if (found === undefined || found.age_ms > staleIfError_ms) throw error;
      options.onStale?.(found.age_ms);
      return found.product;
    }
  }

  /**
   * As `find`, for all SKUs of one request, in their order.
   *
   * @throws as `find`
   */
  async findAll(skus: readonly string[], options: LookupOptions): Promise<(CopiedProduct | null)[]> {
    const products = await Promise.all(skus.map((sku) => this.find(sku, options)));
    const cost = Math.floor(skus.length / skusOfRequest);
    if (cost > 0) await this.#charge(options.caller, cost);
    return products;
  }

  /** Charges after the answer, so only the next request is refused. A caller that has less left loses all of it. */
  async #charge(caller: string, cost: number): Promise<void> {
    const decision = await this.#limit?.take(caller, cost);
    if (decision?.allowed === false && decision.left > 0) await this.#limit?.take(caller, decision.left);
  }
}
