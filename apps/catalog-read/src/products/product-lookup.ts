import { Answer, type AskedRedis, type NearEntry } from '@catalog/cache';
import { CatalogError, type Product } from '@catalog/contracts';
import { loadProductBySku, readVersionReached } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import type { LoadBudget } from '../http/load-budget.ts';
import { versionNotReached } from '../http/request-headers.ts';
import { isTarget, skuTarget } from './prepared-product.ts';

export interface AtLeast {
  /** `callerKey` of the request. This caller pays for each key that is loaded. */
  readonly caller: string;
  readonly minVersion: number;
  /** Called before a read bypasses the caches. It rejects to refuse that. */
  readonly beforeBypass: () => Promise<void>;
  /** When the caller gives up, by `performance.now()`. Called only before a wait. */
  readonly waitsUntil: () => number;
}

/**
 * Finds products by id and by SKU. An answer is never below the version that the caller asks for. Near hits are free, unless many of
 * them are large; the caller pays for the rest, if it has to be loaded.
 */
export class ProductLookup {
  readonly #cache: CatalogCache;
  readonly #pool: Pool;
  readonly #budget: LoadBudget;

  constructor(cache: CatalogCache, pool: Pool, budget: LoadBudget) {
    this.#cache = cache;
    this.#pool = pool;
    this.#budget = budget;
  }

  /** What the near cache may serve, without a promise and without another object. */
  nearById(id: string, now_ms: number): NearEntry | undefined {
    return this.#cache.products.near.entry(id, now_ms);
  }

  /** As `nearById`. Both entries must be within the bound, and belong together as in `bySku`. */
  nearBySku(sku: string, now_ms: number): NearEntry | undefined {
    const entry = this.#cache.skus.near.entry(sku, now_ms);
    const target = entry && skuTarget(entry, sku);
    if (target === undefined) return undefined;
    const { products } = this.#cache;
    const known = target.product && products.near.entryBy(target.product, now_ms);
    if (known !== undefined) return known;
    const product = products.near.entry(target.id, now_ms);
    if (product === undefined || !isTarget(target, product)) return undefined;
    target.product = products.near.handle(target.id, product);
    return product;
  }

  /**
   * What Redis may serve. For those that answer thousands of requests a second. Call `pay` if it is an answer.
   *
   * @returns undefined if the caller has no points left: `byId` then refuses it
   */
  askRedis(id: string, caller: string): Promise<AskedRedis<Product>> | undefined {
    return this.#budget.hasPoints(caller) ? this.#cache.products.askRedis(id) : undefined;
  }

  /** The caller pays for an answer of `askRedis`, if it is large. */
  pay(caller: string, answer: Answer): void {
    this.#budget.pay(caller, answer);
  }

  /**
   * @param asked what `askRedis` has just answered
   * @throws CatalogError `version_not_reached`, `rate_limited`, `unavailable`
   */
  async byId(id: string, atLeast: AtLeast, asked?: AskedRedis<Product>): Promise<Answer> {
    const { products } = this.#cache;
    const near = asked === undefined ? products.near.get(id, atLeast.minVersion) : undefined;
    const answer =
      near ??
      (await this.#budget.one(atLeast.caller, (inTurn) =>
        products.get(id, { ...atLeast, skipsNear: true, inTurn }, asked),
      ));
    if (answer.version >= atLeast.minVersion) return answer;
    if (answer.text !== null) throw versionNotReached(atLeast.minVersion, answer.version);
    await this.#requireReached(atLeast, answer.version);
    return answer;
  }

  /**
   * The entry of the SKU names an id, and the entry of that id is the product. The worker invalidates the two one after
   * the other, so a SKU may have moved to another product in between. The two belong together only if the product has
   * the SKU. Otherwise one read of the primary decides.
   *
   * @throws CatalogError `version_not_reached`, `rate_limited`, `unavailable`
   */
  async bySku(sku: string, atLeast: AtLeast): Promise<Answer> {
    const { caller, minVersion, beforeBypass, waitsUntil } = atLeast;
    const { products, skus } = this.#cache;
    const named =
      skus.near.get(sku) ??
      (await this.#budget.one(caller, (inTurn) => skus.get(sku, { waitsUntil, skipsNear: true, inTurn })));
    const target = skuTarget(named.entry, sku);
    if (target === undefined) {
      if (minVersion === 0) return named;
      await beforeBypass();
      return this.#bySkuFromPrimary(sku, atLeast);
    }
    const product =
      products.near.get(target.id) ??
      (await this.#budget.one(caller, (inTurn) =>
        products.get(target.id, { waitsUntil, skipsNear: true, inTurn }),
      ));
    if (isTarget(target, product) && product.version >= minVersion) return product;
    if (product.version < minVersion) await beforeBypass();
    return this.#bySkuFromPrimary(sku, atLeast);
  }

  /** In the order of the ids. A product that a cache holds below `minVersion` is read from Postgres. */
  async many(ids: readonly string[], atLeast: AtLeast): Promise<readonly Answer[]> {
    const { caller, minVersion, waitsUntil } = atLeast;
    const { products } = this.#cache;
    const near = products.near.getMany(ids, minVersion);
    if (near !== undefined) this.#budget.payForNear(caller, near);
    const answers =
      near ??
      (await this.#budget.many(caller, waitsUntil(), ids.length, () => products.getMany(ids, atLeast)));
    const newest = answers.reduce((max, { version }) => Math.max(max, version), 0);
    // Products without a recent change are rightly below it. So it is enough that the database has reached the version.
    if (newest < minVersion) await this.#requireReached(atLeast, newest);
    return answers;
  }

  async #bySkuFromPrimary(sku: string, atLeast: AtLeast): Promise<Answer> {
    const { minVersion } = atLeast;
    for (let attempt = 0; attempt < 3; attempt++) {
      const start = this.#cache.products.startPrimaryRead();
      const product = await this.#readPostgres(atLeast, () => loadProductBySku(this.#pool, sku));
      if (product === null) {
        await this.#requireReached(atLeast, 0);
        return Answer.ofNothing('bypass');
      }
      if (product.version < minVersion) throw versionNotReached(minVersion, product.version);
      const loaded = { version: product.version, payload: Buffer.from(JSON.stringify(product)) };
      const answer = await this.#cache.products.admitPrimaryRead(product.id, loaded, start);
      if (answer !== undefined) return answer;
    }
    throw new CatalogError('unavailable', 'The product changes faster than this service can read it.', {
      retryAfterSeconds: 1,
    });
  }

  /** An answer below `minVersion` is refused while Postgres as a whole has not reached that version. */
  async #requireReached(atLeast: AtLeast, there: number): Promise<void> {
    const { minVersion } = atLeast;
    if (minVersion === 0) return;
    const reached = await this.#readPostgres(atLeast, () => readVersionReached(this.#pool, minVersion));
    if (!reached) throw versionNotReached(minVersion, there);
  }

  #readPostgres<T>({ caller, waitsUntil }: AtLeast, read: () => Promise<T>): Promise<T> {
    const until_ms = waitsUntil();
    return this.#budget.query(caller, until_ms, () => this.#cache.readPostgres(read, until_ms));
  }
}
