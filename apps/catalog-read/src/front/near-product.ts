import type { NearEntry } from '@catalog/cache';
import { etagOf, PRODUCT } from '@catalog/contracts';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import { ViewCounter } from '../products/view-counters.ts';

/** A product in the near cache, and what each answer with it repeats. It is made once, and ends with the entry. */
export interface NearProduct {
  readonly text: string;
  readonly etag: string;
  readonly version: string;
  readonly length: string;
  readonly counter: ViewCounter;
  readonly storedAt_ms: number;
}

/** What a SKU leads to: the product with this id, if its payload begins like this. */
interface NearSku {
  readonly id: string;
  readonly begin: string;
}

const idLength = 36;

/** Finds products that the near cache may serve, by id and by SKU. It never waits, and makes no object for a hit. */
export class NearProducts {
  readonly #cache: CatalogCache;

  constructor(cache: CatalogCache) {
    this.#cache = cache;
  }

  byId(id: string, now_ms: number): NearProduct | undefined {
    const entry = this.#cache.products.nearEntry(id, now_ms);
    return entry === undefined ? undefined : productIn(entry);
  }

  /**
   * Both entries must be within the bound, and the product must bear the SKU, as in `ProductLookup.bySku`. If it does not,
   * the SKU has moved, and only Postgres can tell where.
   */
  bySku(sku: string, now_ms: number): NearProduct | undefined {
    const entry = this.#cache.skus.nearEntry(sku, now_ms);
    if (entry === undefined || entry.text === null) return undefined;
    const named = (entry.attachment ??= readSku(entry.text, sku)) as NearSku;
    const product = this.#cache.products.nearEntry(named.id, now_ms);
    return product?.text?.startsWith(named.begin) === true ? productIn(product) : undefined;
  }
}

function productIn(entry: NearEntry): NearProduct | undefined {
  if (entry.text === null) return undefined;
  return (entry.attachment ??= prepare(entry, entry.text)) as NearProduct;
}

function prepare({ version, storedAt_ms }: NearEntry, text: string): NearProduct {
  const id = text.slice(idBegin, idBegin + idLength);
  return {
    text,
    etag: etagOf(PRODUCT, version),
    version: String(version),
    length: String(text.length),
    counter: new ViewCounter(id),
    storedAt_ms,
  };
}

function readSku(text: string, sku: string): NearSku {
  const { id } = JSON.parse(text) as { id: string };
  return { id, begin: productBegin(id, sku) };
}

const idBegin = '{"id":"'.length;

/** How the payload of a product begins. Ids and SKUs are ASCII. */
export const productBegin = (id: string, sku: string): string =>
  `{"id":${JSON.stringify(id)},"sku":${JSON.stringify(sku)},`;
