import { createHash } from 'node:crypto';
import { CatalogError, PRODUCT, type Product } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';
import { readRows } from '../postgres/unreadable.ts';

export interface ProductFilter {
  readonly category?: string | undefined;
  readonly brand?: string | undefined;
  readonly status: Product['status'];
  /** All words must be in the name, brand or SKU; the last one may be the start of a word. */
  readonly q?: string | undefined;
}

export interface ProductPageRequest extends ProductFilter {
  /** 1 … 100 */
  readonly limit: number;
  /** `nextCursor` of the page before, with the same filter. */
  readonly cursor?: string | undefined;
}

export interface ProductPage {
  readonly data: Product[];
  /** null on the last page. */
  readonly nextCursor: string | null;
}

const sql = loadSql(import.meta.url, './list.sql');

/**
 * One page of products by id, after the cursor: rows that appear or disappear meanwhile shift no page. A product that JSON
 * cannot show is left out and logged. Throws CatalogError `invalid_request` for a cursor that is malformed or belongs to
 * another filter.
 */
export async function listProducts(db: Queryable, request: ProductPageRequest): Promise<ProductPage> {
  const { limit } = request;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new RangeError(`limit ${limit} is not 1 … 100`);
  const after = request.cursor === undefined ? null : readCursor(request.cursor, request);
  const filters = [request.category, request.brand, request.status, request.q];
  // Postgres refuses NUL in any text; nothing stored has one.
  if (filters.some((value) => value?.includes('\0'))) return { data: [], nextCursor: null };
  // One row more than asked tells whether there is another page.
  const values = [...filters.map((value) => value ?? null), after, limit + 1];
  const rows = await readRows<Product>(db, { text: sql, values }, PRODUCT.name, ({ id }) => id);
  const page = rows.slice(0, limit);
  const last = page.at(-1)?.row;
  return {
    data: page.filter(({ isUnreadable }) => !isUnreadable).map(({ row }) => row),
    nextCursor: rows.length > limit && last !== undefined ? writeCursor(last.id, request) : null,
  };
}

/** 16 bytes of the last id, 6 of the filter's hash. */
const cursorBytes = 22;

function filterHash({ category, brand, status, q }: ProductFilter): Buffer {
  const filter = JSON.stringify([category ?? null, brand ?? null, status, q ?? null]);
  return createHash('sha256').update(filter).digest().subarray(0, 6);
}

function writeCursor(lastId: string, filter: ProductFilter): string {
  return Buffer.concat([Buffer.from(lastId.replaceAll('-', ''), 'hex'), filterHash(filter)]).toString(
    'base64url',
  );
}

function readCursor(cursor: string, filter: ProductFilter): string {
  const bytes = Buffer.from(cursor, 'base64url');
  // Node skips characters that are no base64url; only a text that we wrote survives the round trip.
  if (bytes.length !== cursorBytes || bytes.toString('base64url') !== cursor) {
    throw cursorError('malformed', 'is not a cursor that this service gave');
  }
  if (!bytes.subarray(16).equals(filterHash(filter))) {
    throw cursorError('other_filter', 'belongs to a list with another filter');
  }
  return bytes
    .subarray(0, 16)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

function cursorError(code: string, message: string): CatalogError {
  return new CatalogError('invalid_request', `cursor ${message}`, {
    errors: [{ parameter: 'cursor', code, message }],
  });
}
