/** The conditions of a list. A list, its estimate, its facets and an export all use them. */
import type { Product, ProductFilter } from '@catalog/contracts';

export type { ProductFilter } from '@catalog/contracts';

/** Values of a statement whose text is put together from fixed parts. */
export class Bound {
  readonly values: unknown[] = [];

  /** The mark of the value in the statement. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}

export interface Conditions {
  /** The text after FROM. The products are `p`. */
  readonly tables: string;
  /** The text after WHERE. */
  readonly conditions: string;
  /** Sets of values. The rows of each value are read in the order of an index, and are then merged. */
  readonly spread: string;
}

export interface ConditionOptions {
  /** Filters whose values have an index in the order of the list each. */
  readonly spread?: readonly ('category' | 'brand' | 'status')[];
  /** Looks for these words, as `similarWords` gives them, and not for those of the search. */
  readonly similar?: string | undefined;
  /** Filters to leave out. */
  readonly without?: readonly ('category' | 'brand' | 'status')[];
  /** Another condition. */
  readonly also?: string;
}

/** Products that match the filter. The text is fixed, and all values of the filter are bound. */
export function conditionsOf(
  filter: Partial<ProductFilter>,
  bound: Bound,
  options: ConditionOptions = {},
): Conditions {
  const spread: string[] = [];
  const conditions: string[] = [];
  for (const column of ['category', 'brand', 'status'] as const) {
    const values: readonly string[] | undefined = filter[column];
    if (values === undefined || options.without?.includes(column) === true) continue;
    if (values.length === 1) {
      conditions.push(`p.${column} = ${bound.add(values[0], 'text')}`);
    } else if (options.spread?.includes(column) === true) {
      spread.push(`unnest(${bound.add(values, 'text[]')}) as wanted_${column} (value),`);
      conditions.push(`p.${column} = wanted_${column}.value`);
    } else {
      conditions.push(`p.${column} = any (${bound.add(values, 'text[]')})`);
    }
  }
  const ranges = [
    ['p.price_minor >=', filter.minPrice, 'bigint'],
    ['p.price_minor <=', filter.maxPrice, 'bigint'],
    ['p.weight_grams >=', filter.minWeight, 'bigint'],
    ['p.weight_grams <=', filter.maxWeight, 'bigint'],
    ['p.updated_at >=', filter.updatedSince, 'timestamptz'],
  ] as const;
  for (const [test, value, type] of ranges)
    if (value !== undefined) conditions.push(`${test} ${bound.add(value, type)}`);
  let tables = 'catalog.products p';
  if (filter.q !== undefined) {
    tables += ' join catalog.product_search s on s.product_id = p.id';
    const { similar } = options;
    const query =
      similar === undefined
        ? `catalog.search_query(${bound.add(filter.q, 'text')})`
        : bound.add(similar, 'tsquery');
    conditions.push(`s.words @@ ${query}`);
  }
  if (options.also !== undefined) conditions.push(options.also);
  return { tables, conditions: conditions.join(' and ') || 'true', spread: spread.join(' ') };
}

/** Whether `product_counts` alone knows how many products match. */
export const isCounted = (filter: ProductFilter): boolean =>
  filter.q === undefined &&
  [filter.minPrice, filter.maxPrice, filter.minWeight, filter.maxWeight, filter.updatedSince].every(
    (value) => value === undefined,
  );

/** The column of each field of a product. */
export const productColumns: Readonly<Record<keyof Product, string>> = {
  id: 'p.id',
  sku: 'p.sku',
  name: 'p.name',
  description: 'p.description',
  brand: 'p.brand',
  category: 'p.category',
  gtin: 'p.gtin',
  weightGrams: 'p.weight_grams',
  lengthMm: 'p.length_mm',
  widthMm: 'p.width_mm',
  heightMm: 'p.height_mm',
  priceMinor: 'p.price_minor',
  currency: 'p.currency',
  status: 'p.status',
  attributes: 'p.attributes',
  version: 'p.version',
  createdAt: 'p.created_at',
  updatedAt: 'p.updated_at',
};
