import type { Answer } from '@catalog/cache';
import { CatalogError } from '@catalog/contracts';
import { loadProductBySku, readVersionReached } from '@catalog/database';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { versionNotReached } from '../http/request-headers.ts';

export interface AtLeast {
  readonly minVersion: number;
  /** Called before a read bypasses the caches. It rejects to refuse that. */
  readonly beforeBypass: () => Promise<void>;
  /** Until when the caller waits, by `performance.now()`; called only by who is about to wait. */
  readonly waitsUntil: () => number;
}

/** Reads of products, by id and by SKU, that never answer with less than the version asked for. */
export class ProductLookup {
  readonly #cache: CatalogCache;
  readonly #pool: Pool;

  constructor(cache: CatalogCache, pool: Pool) {
    this.#cache = cache;
    this.#pool = pool;
  }

  /** @throws CatalogError `version_not_reached`, `unavailable` */
  async byId(id: string, atLeast: AtLeast): Promise<Answer> {
    const answer = await this.#cache.products.get(id, atLeast);
    if (answer.version >= atLeast.minVersion) return answer;
    if (answer.payload !== null) throw versionNotReached(atLeast.minVersion, answer.version);
    await this.#requireReached(atLeast, answer.version);
    return answer;
  }

  /**
   * `sku:` says which id, `product:` says what it is, and only if the product bears the SKU do the two belong
   * together: they are invalidated one after the other, and an SKU may have moved in between. If not, one
   * read of the primary decides.
   *
   * @throws CatalogError `version_not_reached`, `unavailable`
   */
  async bySku(sku: string, atLeast: AtLeast): Promise<Answer> {
    const { minVersion, beforeBypass, waitsUntil } = atLeast;
    const entry = await this.#cache.skus.get(sku, { waitsUntil });
    if (entry.payload === null) {
      if (minVersion === 0) return entry;
      await beforeBypass();
      return this.#bySkuFromPrimary(sku, atLeast);
    }
    const { id } = JSON.parse(entry.payload.toString()) as { id: string };
    const product = await this.#cache.products.get(id, { waitsUntil });
    if (bears(product, id, sku) && product.version >= minVersion) return product;
    if (product.version < minVersion) await beforeBypass();
    return this.#bySkuFromPrimary(sku, atLeast);
  }

  /** Each as new as Postgres has it, if `minVersion` is above what a cache holds of it. */
  async many(ids: readonly string[], atLeast: AtLeast): Promise<Map<string, Answer>> {
    const { minVersion } = atLeast;
    const answers = await this.#cache.products.getMany(ids, atLeast);
    const newest = Math.max(0, ...[...answers.values()].map(({ version }) => version));
    // Products that were not changed lately are below it by right, so here it is the database that must have reached it.
    if (newest < minVersion) await this.#requireReached(atLeast, newest);
    return answers;
  }

  async #bySkuFromPrimary(sku: string, atLeast: AtLeast): Promise<Answer> {
    const { minVersion, waitsUntil } = atLeast;
    for (let attempt = 0; attempt < 3; attempt++) {
      const product = await this.#readPostgres(waitsUntil, () => loadProductBySku(this.#pool, sku));
      if (product === null) {
        await this.#requireReached(atLeast, 0);
        return { version: 0, payload: null, value: null, age_ms: 0, source: 'bypass' };
      }
      if (product.version < minVersion) throw versionNotReached(minVersion, product.version);
      const loaded = { version: product.version, payload: Buffer.from(JSON.stringify(product)) };
      const answer = await this.#cache.products.admitPrimaryRead(product.id, loaded);
      if (answer !== undefined) return answer;
    }
    throw new CatalogError('unavailable', 'The product changes faster than it can be read.', {
      retryAfterSeconds: 1,
    });
  }

  /** Absence has been read from the primary; it answers the question unless the version lies in the future. */
  async #requireReached({ minVersion, waitsUntil }: AtLeast, there: number): Promise<void> {
    if (minVersion === 0) return;
    const reached = await this.#readPostgres(waitsUntil, () => readVersionReached(this.#pool, minVersion));
    if (!reached) throw versionNotReached(minVersion, there);
  }

  #readPostgres<T>(waitsUntil: () => number, read: () => Promise<T>): Promise<T> {
    return this.#cache.readPostgres(read, waitsUntil());
  }
}

// Payloads begin with id and SKU, so that neither of these needs parsing.
const idBegin = '{"id":"'.length;
const idLength = 36;

/** The id of a product, from the finished body. */
export const idIn = (payload: Buffer): string => payload.toString('latin1', idBegin, idBegin + idLength);

function bears({ payload }: Answer, id: string, sku: string): boolean {
  if (payload === null) return false;
  const head = Buffer.from(`{"id":${JSON.stringify(id)},"sku":${JSON.stringify(sku)},`);
  return payload.length > head.length && payload.compare(head, 0, head.length, 0, head.length) === 0;
}
