import { createHash } from 'node:crypto';
import { CatalogError, type Product } from '@catalog/contracts';
import type { Queryable } from '../postgres/pool.ts';
import { loadSql } from '../postgres/sql.ts';

export interface ProductFilter {
  readonly category?: string | undefined;
  readonly brand?: string | undefined;
  readonly status: Product['status'];
  /** Words that name, brand and SKU together must all have; the last one may be the start of a word. */
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
 * One page of products by id, after the cursor: rows that come or go meanwhile shift no page. Throws
 * CatalogError `invalid_request` for a cursor that is malformed or of another filter.
 */
export async function listProducts(db: Queryable, request: ProductPageRequest): Promise<ProductPage> {
  const { limit } = request;
  if (!Number.isInteger(limit) || limit < 1 || limit > 100)
    throw new RangeError(`limit ${limit} is not 1 … 100`);
  const after = request.cursor === undefined ? null : readCursor(request.cursor, request);
  const values = [request.category, request.brand, request.status, request.q];
  // Postgres refuses NUL in any text; nothing stored has one.
  if (values.some((value) => value?.includes('\0'))) return { data: [], nextCursor: null };
  // One more than asked tells whether there is another page.
  const { rows } = await db.query<Product>(sql, [...values.map((value) => value ?? null), after, limit + 1]);
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return {
    data,
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
  // Node skips what is no base64url; only the exact text that we wrote comes back the same.
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
