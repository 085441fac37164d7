import { createHash } from 'node:crypto';
import { CatalogError, type ProductSort } from '@catalog/contracts';
import type { ProductFilter } from './filter.ts';
import type { ListOrder, Position } from './order.ts';

/** Where a page ends, and what the first page found out about the whole list. */
export interface Cursor {
  readonly position: Position;
  readonly estimatedTotal: number;
  readonly similar: boolean;
}

const hashBytes = 8;

/** A cursor continues the list of its filter and sort only. The hash also finds one that was cut off. */
function hash(text: string, filter: ProductFilter, sort: readonly ProductSort[]): Buffer {
  const { category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince } = filter;
  const parts = [category, brand, status, q, minPrice, maxPrice, minWeight, maxWeight, updatedSince, sort];
  return createHash('sha256')
    .update(JSON.stringify([parts, text]))
    .digest()
    .subarray(0, hashBytes);
}

export function writeCursor(cursor: Cursor, filter: ProductFilter, sort: readonly ProductSort[]): string {
  const { position, estimatedTotal, similar } = cursor;
  const text = JSON.stringify([position, estimatedTotal, similar]);
  return Buffer.concat([hash(text, filter, sort), Buffer.from(text)]).toString('base64url');
}

/** @throws CatalogError `invalid_request` */
export function readCursor(
  written: string,
  filter: ProductFilter,
  sort: readonly ProductSort[],
  order: ListOrder,
): Cursor {
  const bytes = Buffer.from(written, 'base64url');
  const text = bytes.subarray(hashBytes).toString();
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    throw cursorError('malformed', 'is not a cursor that this service gave');
  }
  if (!bytes.subarray(0, hashBytes).equals(hash(text, filter, sort)))
    throw cursorError('other_filter', 'belongs to a list with another filter or sort');
  const [position, estimatedTotal, similar] = Array.isArray(parts) ? (parts as unknown[]) : [];
  const total = Number.isSafeInteger(estimatedTotal) ? Number(estimatedTotal) : -1;
  if (!Array.isArray(position) || !order.accepts(position) || total < 0)
    throw cursorError('malformed', 'is not a cursor that this service gave');
  return { position, estimatedTotal: total, similar: similar === true };
}

function cursorError(code: string, message: string): CatalogError {
  return new CatalogError('invalid_request', `cursor ${message}`, {
    errors: [{ parameter: 'cursor', code, message }],
  });
}
