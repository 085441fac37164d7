import { maxPage_bytes, PRODUCT, type Product, productFields, type ProductSort } from '@catalog/contracts';
import type { Queryable } from '../../postgres/pool.ts';
import { fillIn, loadSql } from '../../postgres/sql.ts';
import { readRows } from '../../postgres/unreadable.ts';
import { jsonBytes, PageRoom } from '../page-room.ts';
import { expectedRows } from './expected-rows.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { Bound, conditionsOf, isCounted, productColumns, type ProductFilter } from './filter.ts';
import { ListOrder, type Position, usualSort } from './order.ts';

export interface ProductPageRequest extends ProductFilter {
  readonly sort?: readonly ProductSort[] | undefined;
  /** Only these fields, in the order of a product. */
  readonly fields?: readonly (keyof Product)[] | undefined;
  /** 1 … 100 */
  readonly limit: number;
  /** `nextCursor` of the page before, with the same filter and sort. */
  readonly cursor?: string | undefined;
}

export interface ProductPage {
  readonly data: Partial<Product>[];
  readonly page: {
    /** null on the last page. */
    readonly nextCursor: string | null;
    readonly estimatedTotal: number;
    /** Nothing matched the search, so these have words that are like it. */
    readonly match?: 'similar';
  };
}

const sql = {
  page: loadSql(import.meta.url, './page.sql'),
  count: loadSql(import.meta.url, './count.sql'),
  countSome: loadSql(import.meta.url, './count-some.sql'),
  similarWords: loadSql(import.meta.url, './similar-words.sql'),
};

/** Up to this many products are counted one by one, if `product_counts` does not know the number. */
const countedExactly = 500;
/** If Postgres expects more than this, none are counted: reading them would take longer than the page. */
const worthCounting = 5_000;

/**
 * What the large columns take, in bytes of their text or about so many. The page ends in the statement, so that Postgres sends
 * little more than it shows. Only a compressed value must be read for that.
 */
const largeColumns: Readonly<Partial<Record<keyof Product, string>>> = {
  description: 'octet_length(p.description)',
  attributes:
    'case when pg_column_compression(p.attributes) is null then pg_column_size(p.attributes) else octet_length(p.attributes::text) end',
};

/**
 * One page, after the cursor: rows that appear or disappear meanwhile shift no page. The page ends before it is larger than
 * `maxPage_bytes`, but has at least one product if there is any. A product that JSON cannot show is left out and logged.
 *
 * @throws CatalogError `invalid_request` for a cursor that is malformed or belongs to another filter or sort
 */
export async function listProducts(db: Queryable, request: ProductPageRequest): Promise<ProductPage> {
  const { limit, sort = usualSort } = request;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new RangeError(`limit ${limit} is not 1 … 100`);
  const order = new ListOrder(sort);
  const cursor = request.cursor === undefined ? undefined : readCursor(request.cursor, request, sort, order);
  if (request.q === '') return { data: [], page: { nextCursor: null, estimatedTotal: 0 } };
  const position = cursor?.position;
  // The first page of this list has found nothing with the words of the search itself.
  const goesOn = cursor?.similar === true;
  let similar: string | undefined;
  let found = goesOn ? nothing : await readPage(db, request, order, { position, similar });
  if (found.counted === 0 && request.q !== undefined && (cursor === undefined || goesOn)) {
    similar = await similarWords(db, request.q);
    if (similar !== undefined) found = await readPage(db, request, order, { position, similar });
  }
  const isSimilar = similar !== undefined && found.counted > 0;
  const estimatedTotal =
    cursor?.estimatedTotal ??
    (found.end === undefined || (request.q !== undefined && found.counted <= countedExactly)
      ? found.counted
      : await estimateTotal(db, request, similar));
  return {
    data: found.data,
    page: {
      nextCursor:
        found.end === undefined
          ? null
          : writeCursor({ position: found.end, estimatedTotal, similar: isSimilar }, request, sort),
      estimatedTotal,
      ...(isSimilar && { match: 'similar' }),
    },
  };
}

/**
 * Postgres gets these words as a value. In the statement of the page, their function would run again for each row that another
 * filter finds, and would take some milliseconds each time.
 */
async function similarWords(db: Queryable, q: string): Promise<string | undefined> {
  const { rows } = await db.query<{ words: string | null }>(sql.similarWords, [q]);
  return rows[0]?.words ?? undefined;
}

const nothing = { counted: 0, data: [], end: undefined };

interface PageStart {
  readonly position: Position | undefined;
  /** Undefined: the words of the search itself. */
  readonly similar: string | undefined;
}

interface PageRow extends Record<string, unknown> {
  readonly counted: number;
  readonly pageId: string;
}

/** The statement of one page. */
export function pageStatement(request: ProductPageRequest, order: ListOrder, from: PageStart) {
  const { limit, fields = productFields, sort = usualSort, category, brand } = request;
  const bound = new Bound();
  const isUsual = sort.length === 1 && sort[0]?.by === 'createdAt';
  const several = [category, brand].map((values) => (values?.length ?? 0) > 1);
  // At most one set of values besides the states, because each further set multiplies the ranges of the index.
  const spread = !isUsual ? [] : several[0] === true ? (['category'] as const) : (['brand'] as const);
  const isCountedAtOnce = request.q !== undefined && from.position === undefined;
  const also = from.position === undefined ? undefined : order.after(from.position, bound);
  const {
    tables,
    conditions,
    spread: sets,
  } = conditionsOf(request, bound, {
    spread: ['status', ...spread],
    similar: from.similar,
    ...(also !== undefined && { also }),
  });
  const text = fillIn(sql.page, {
    ...order.marks,
    tables,
    conditions,
    spread: sets,
    columns: fields.map((field) => `${productColumns[field]} as "${field}"`).join(', '),
    // One row more than asked tells whether there is another page.
    limit: bound.add(limit + 1, 'bigint'),
    size: fields.flatMap((field) => largeColumns[field] ?? []).join(' + ') || '0',
    room: bound.add(maxPage_bytes, 'bigint'),
    most: bound.add(isCountedAtOnce ? countedExactly + 1 : limit + 1, 'bigint'),
  });
  return { text, values: bound.values };
}

async function readPage(db: Queryable, request: ProductPageRequest, order: ListOrder, from: PageStart) {
  const { limit, fields = productFields, sort = usualSort } = request;
  const statement = pageStatement(request, order, from);
  const rows = await readRows<PageRow>(db, statement, PRODUCT.name, ({ pageId }) => pageId);
  const counted = rows[0]?.row.counted ?? 0;
  const data: Partial<Product>[] = [];
  const room = new PageRoom();
  let passed = 0;
  let last: PageRow | undefined;
  for (const { row, isUnreadable } of rows.slice(0, limit)) {
    if (!isUnreadable) {
      const product = productOf(row, fields);
      if (!room.takes(jsonBytes(product))) break;
      data.push(product);
    }
    passed += 1;
    last = row;
  }
  return { counted, data, end: last !== undefined && passed < counted ? positionOf(last, sort) : undefined };
}

const positionOf = (row: PageRow, sort: readonly ProductSort[]): Position => [
  ...sort.map((_, index) => String(row[`key${index}`])),
  row.pageId,
];

const productOf = (row: PageRow, fields: readonly (keyof Product)[]): Partial<Product> =>
  Object.fromEntries(fields.map((field) => [field, row[field]])) as Partial<Product>;

/** Exact where `product_counts` knows the number, and up to `countedExactly`. Otherwise what Postgres expects. */
async function estimateTotal(
  db: Queryable,
  filter: ProductFilter,
  similar: string | undefined,
): Promise<number> {
  if (isCounted(filter)) {
    const { category = null, brand = null, status } = filter;
    const { rows } = await db.query<{ products: number }>(sql.count, [category, brand, status]);
    return rows[0]?.products ?? 0;
  }
  const expected = await expectedRows(db, filter, { similar });
  // The page of a search has already counted more than `countedExactly`.
  if (filter.q !== undefined) return Math.max(expected, countedExactly + 1);
  if (expected > worthCounting) return expected;
  const bound = new Bound();
  const { tables, conditions } = conditionsOf(filter, bound);
  const text = fillIn(sql.countSome, { tables, conditions, most: bound.add(countedExactly + 1, 'bigint') });
  const { rows } = await db.query<{ counted: number }>(text, bound.values);
  const counted = rows[0]?.counted ?? 0;
  return counted > countedExactly ? Math.max(expected, counted) : counted;
}
