/** What the table of products shows. It is in the address, so that a person can send it, keep it and open it again. */
export interface ProductsSearch {
  readonly q?: string;
  readonly status?: string;
  readonly brand?: string;
  readonly category?: string;
  readonly minPrice?: number;
  readonly maxPrice?: number;
  readonly sort?: string;
}

const texts = ['q', 'brand', 'category'] as const;
/** A search is one text. The others are lists of values. */
const mostChars = { q: 200, brand: 2_000, category: 2_000 } as const;
const statuses = new Set(['draft', 'active', 'archived']);
const sorts = ['name', '-name', 'price', '-price', 'updatedAt', '-updatedAt', '-createdAt'] as const;

/** Drops what is no filter, so that an old or wrong address still shows products. */
export function productsSearch(given: Record<string, unknown>): ProductsSearch {
  const search: Record<string, string | number> = {};
  for (const name of texts) {
    const value = given[name];
    if ((typeof value === 'string' || typeof value === 'number') && String(value) !== '')
      search[name] = String(value).slice(0, mostChars[name]);
  }
  if (statuses.has(String(given['status']))) search['status'] = String(given['status']);
  if ((sorts as readonly unknown[]).includes(given['sort'])) search['sort'] = String(given['sort']);
  for (const name of ['minPrice', 'maxPrice'] as const) {
    const value = Number(given[name]);
    if (given[name] !== undefined && Number.isInteger(value) && value >= 0) search[name] = value;
  }
  return search;
}

/** The query of `GET /v1/products` for a search. One search has one query, however its address is written. */
export function queryOf(search: ProductsSearch): URLSearchParams {
  return new URLSearchParams(
    Object.entries(productsSearch({ ...search })).map(([name, value]) => [name, String(value)]),
  );
}

/** How many products the table shows at first, and how many more each time. */
export const pageSize = 50;

export function listAddress(search: ProductsSearch, cursor = ''): string {
  const query = queryOf(search);
  query.set('limit', String(pageSize));
  if (cursor !== '') query.set('cursor', cursor);
  return `/api/products?${query}`;
}

/** The order changes no count. */
export function facetsAddress(search: ProductsSearch): string {
  const query = queryOf(search);
  query.delete('sort');
  return `/api/products/facets?${query}`;
}
