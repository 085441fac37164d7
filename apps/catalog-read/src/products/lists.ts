import { type Answer, farthestSource, type ListPage } from '@catalog/cache';
import type { ProductFilter } from '@catalog/contracts';
import { countFacets, listProducts, type ProductPageRequest } from '@catalog/database';
import { viewLimits } from '@catalog/redis';
import type { Pool } from 'pg';
import type { CatalogCache } from '../cache/catalog-cache.ts';
import type { ProductLookup, AtLeast } from './product-lookup.ts';
import type { ViewCounters } from './view-counters.ts';

/** Bodies of several products. They are joined from the bytes of each product, without parsing. */
export class ProductLists {
  readonly #cache: CatalogCache;
  readonly #pool: Pool;
  readonly #lookup: ProductLookup;
  readonly #views: ViewCounters;

  constructor(deps: { cache: CatalogCache; pool: Pool; lookup: ProductLookup; views: ViewCounters }) {
    this.#cache = deps.cache;
    this.#pool = deps.pool;
    this.#lookup = deps.lookup;
    this.#views = deps.views;
  }

  page(request: ProductPageRequest, until_ms: number): Promise<ListPage> {
    const { sort, fields, limit, cursor } = request;
    const read = async () => Buffer.from(JSON.stringify(await listProducts(this.#pool, request)));
    const key = ['page', ...filterKey(request), sort, fields, limit, cursor];
    return this.#cache.productPage(key, read, until_ms);
  }

  facets(filter: ProductFilter, until_ms: number): Promise<ListPage> {
    const read = async () => Buffer.from(JSON.stringify(await countFacets(this.#pool, filter)));
    return this.#cache.productPage(['facets', ...filterKey(filter)], read, until_ms);
  }

  async many(ids: readonly string[], atLeast: AtLeast) {
    const answers = await this.#lookup.many(ids, atLeast);
    const present = [...answers.values()].filter(({ payload }) => payload !== null);
    for (const [id, { payload }] of answers) if (payload !== null) this.#views.count(id);
    const missing = ids.filter((id) => answers.get(id)?.payload === null);
    return {
      payload: concatenate(present, `"missing":${JSON.stringify(missing)}`),
      version: [...answers.values()].reduce((max, { version }) => Math.max(max, version), 0),
      age_ms: oldest([...answers.values()]),
      source: farthestSource([...answers.values()]),
    };
  }

  /** The most read products that still exist and are active, most read first. */
  async popular(limit: number, waitsUntil: () => number) {
    const shown: Answer[] = [];
    // The order may change between two pages.
    const seen = new Set<string>();
    let considered = 0;
    // Some may be deleted or inactive since the worker wrote the list. Each next page is as long as all pages before it.
    for (let count = limit * 2; shown.length < limit && count > 0;) {
      const page = await this.#views.mostRead(considered, count);
      const ids = page.filter((id) => !seen.has(id));
      const answers = await Promise.all(ids.map((id) => this.#cache.products.get(id, { waitsUntil })));
      shown.push(...answers.filter(({ payload }) => payload !== null && isActive(payload)));
      if (page.length < count) break;
      for (const id of ids) seen.add(id);
      considered += count;
      count = Math.min(considered, viewLimits.popularProducts - considered);
    }
    const data = shown.slice(0, limit);
    return { payload: concatenate(data), source: farthestSource(data), age_ms: oldest(data) };
  }
}

/** The schema writes each filter in one way, so all spellings of one search share a page. */
const filterKey = (filter: ProductFilter): readonly unknown[] => {
  const { category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince } = filter;
  return [category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince];
};

function concatenate(answers: readonly Answer[], more?: string): Buffer {
  const parts: Buffer[] = [Buffer.from('{"data":[')];
  for (const [index, { payload }] of answers.entries()) {
    if (index > 0) parts.push(Buffer.from(','));
    if (payload !== null) parts.push(payload);
  }
  parts.push(Buffer.from(more === undefined ? ']}' : `],${more}}`));
  return Buffer.concat(parts);
}

const oldest = (answers: readonly Answer[]): number =>
  answers.reduce((max, { age_ms }) => Math.max(max, age_ms), 0);

const isActive = (payload: Buffer): boolean =>
  (JSON.parse(payload.toString()) as { status: string }).status === 'active';
