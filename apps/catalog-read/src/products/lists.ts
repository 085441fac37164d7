import { type Answer, farthestSource, type ListPage, type NearEntry } from '@catalog/cache';
import type { ProductFilter } from '@catalog/contracts';
import { countFacets, listProducts, PageRoom, type ProductPageRequest } from '@catalog/database';
import { viewLimits } from '@catalog/redis';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import type { CachedBody } from '../http/answer.ts';
import { isActive, preparedProduct } from './prepared-product.ts';
import type { LoadBudget } from '../http/load-budget.ts';
import type { ProductLookup, AtLeast } from './product-lookup.ts';
import type { ViewCounters } from './view-counters.ts';

/** The products with several ids, in one body. */
export interface JoinedProducts extends CachedBody {
  /** The newest in the body. */
  readonly version: number;
}

/** Bodies of several products. They are joined from the bytes of each product, without parsing. */
export class ProductLists {
  readonly #budget: LoadBudget;
  readonly #cache: CatalogCache;
  readonly #lookup: ProductLookup;
  readonly #views: ViewCounters;
  /** How many bodies of several products were joined. */
  #lists = 0;

  constructor(deps: { budget: LoadBudget; cache: CatalogCache; lookup: ProductLookup; views: ViewCounters }) {
    this.#budget = deps.budget;
    this.#cache = deps.cache;
    this.#lookup = deps.lookup;
    this.#views = deps.views;
  }

  page(request: ProductPageRequest, caller: string, until_ms: number): Promise<ListPage> {
    const { sort, fields, limit, cursor } = request;
    const read = async (db: Pool) => Buffer.from(JSON.stringify(await listProducts(db, request)));
    const key = ['page', ...filterKey(request), sort, fields, limit, cursor];
    return this.#search(caller, key, read, until_ms);
  }

  facets(filter: ProductFilter, caller: string, until_ms: number): Promise<ListPage> {
    const read = async (db: Pool) => Buffer.from(JSON.stringify(await countFacets(db, filter)));
    return this.#search(caller, ['facets', ...filterKey(filter)], read, until_ms);
  }

  /** A page that this process keeps is free, and waits for no turn. */
  async #search(
    caller: string,
    key: readonly unknown[],
    read: (db: Pool) => Promise<Buffer>,
    until_ms: number,
  ): Promise<ListPage> {
    const kept = await this.#cache.keptProductPage(key, until_ms);
    if (kept !== undefined) return kept;
    return this.#budget.search(caller, until_ms, (load) =>
      this.#cache.productPage(key, (db) => load(() => read(db)), until_ms),
    );
  }

  /** What the near cache holds of these products; undefined unless it holds all of them. */
  near(ids: readonly string[], now_ms: number): readonly NearEntry[] | undefined {
    return this.#cache.products.near.entries(ids, now_ms);
  }

  /**
   * @param ids may be repeated
   * @param entries what `near` gave for the ids
   * @param viewer whose views they are; undefined if they are none
   */
  manyNear(
    ids: readonly string[],
    entries: readonly NearEntry[],
    viewer: string | undefined,
    now_ms: number,
  ): JoinedProducts {
    let storedAt_ms = now_ms;
    for (const entry of entries) if (entry.storedAt_ms < storedAt_ms) storedAt_ms = entry.storedAt_ms;
    const { payload, version } = this.#join(ids, entries, viewer, now_ms);
    return { payload, version, age_ms: now_ms - storedAt_ms, source: 'near' };
  }

  /** As `manyNear`, from wherever the products are. */
  async many(ids: readonly string[], viewer: string | undefined, atLeast: AtLeast): Promise<JoinedProducts> {
    const answers = await this.#lookup.many(ids, atLeast);
    const entries = answers.map(({ entry }) => entry);
    const { payload, version } = this.#join(ids, entries, viewer, performance.now());
    return { payload, version, age_ms: oldest(answers), source: farthestSource(answers) };
  }

  /** Counts a view of each product. */
  #join(
    ids: readonly string[],
    entries: readonly NearEntry[],
    viewer: string | undefined,
    now_ms: number,
  ): Pick<JoinedProducts, 'payload' | 'version'> {
    const texts: string[] = [];
    const missing: string[] = [];
    let version = 0;
    const list = ++this.#lists;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as NearEntry;
      if (entry.version > version) version = entry.version;
      const product = preparedProduct(entry);
      if (product === undefined) missing.push(ids[index] as string);
      else if (product.lastList !== list) {
        product.lastList = list;
        if (viewer !== undefined) this.#views.countIn(product.views, viewer, now_ms);
        texts.push(product.text);
      }
    }
    const payload = joinTexts(texts, `],"missing":${JSON.stringify([...new Set(missing)])}}`);
    return { payload, version };
  }

  /** The most read products that still exist and are active, most read first: `limit` of them, if they fit on a page. */
  async popular(limit: number, atLeast: AtLeast) {
    const shown: Answer[] = [];
    // The order may change between two pages.
    const seen = new Set<string>();
    let considered = 0;
    // Some may be deleted or inactive since the worker wrote the list. Each next page is as long as all pages before it.
    for (let count = limit * 2; shown.length < limit && count > 0;) {
      const page = await this.#views.mostRead(considered, count);
      const ids = page.filter((id) => !seen.has(id));
      const answers = await this.#lookup.many(ids, atLeast);
      shown.push(...answers.filter(({ entry }) => isShown(entry)));
      if (page.length < count) break;
      for (const id of ids) seen.add(id);
      considered += count;
      count = Math.min(considered, viewLimits.popularProducts - considered);
    }
    const room = new PageRoom();
    const data = shown.slice(0, limit).filter(({ text }) => room.takes(text?.length ?? 0));
    const payload = joinTexts(
      data.map(({ text }) => text ?? ''),
      ']}',
    );
    return { payload, source: farthestSource(data), age_ms: oldest(data) };
  }
}

function isShown(entry: NearEntry): boolean {
  const product = preparedProduct(entry);
  return product !== undefined && isActive(product);
}

/** The schema writes each filter in one way, so all spellings of one search share a page. */
const filterKey = (filter: ProductFilter): readonly unknown[] => {
  const { category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince } = filter;
  return [category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince];
};

/** Bytes, because Node would copy so long a string twice more. */
function joinTexts(texts: readonly string[], end: string): Buffer {
  const begin = '{"data":[';
  const commas = Math.max(0, texts.length - 1);
  const length = texts.reduce((sum, text) => sum + text.length, begin.length + commas + end.length);
  const joined = Buffer.allocUnsafe(length);
  let at = joined.write(begin, 'latin1');
  for (const [index, text] of texts.entries()) {
    if (index > 0) joined[at++] = comma;
    at += joined.write(text, at, 'latin1');
  }
  joined.write(end, at, 'latin1');
  return joined;
}

const comma = 0x2c;

const oldest = (answers: readonly Answer[]): number =>
  answers.reduce((max, { age_ms }) => Math.max(max, age_ms), 0);
