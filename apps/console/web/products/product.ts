/** Products as the services send them, and the calls that change them. */
import type { Product, ProductChange } from '@catalog/contracts';
import { callApi, getJson } from '../http/api.ts';

export type { Product, ProductChange };

export interface ProductPage {
  readonly data: readonly Product[];
  readonly page: { readonly nextCursor: string | null; readonly estimatedTotal?: number };
}

/** A product with the tag that a save must send. */
export interface TaggedProduct {
  readonly product: Product;
  readonly etag: string;
}

/** `atLeast` reads a version that is known to exist, past every cache that has not heard of it yet. */
export async function loadProduct(
  id: string,
  signal?: AbortSignal,
  atLeast?: number,
): Promise<TaggedProduct> {
  const { body, headers } = await callApi<Product>(`/api/products/${id}`, {
    ...(signal !== undefined && { signal }),
    ...(atLeast !== undefined && { headers: { 'Min-Version': String(atLeast) } }),
  });
  return { product: body, etag: headers.get('etag') ?? '' };
}

export type Patch = Readonly<Record<string, unknown>>;

/** Saves the changed fields. 412 when somebody else has saved since `etag`. */
export async function patchProduct(
  id: string,
  patch: Patch,
  etag: string,
  options: { follow?: boolean } = {},
): Promise<TaggedProduct> {
  const { body, headers } = await callApi<Product>(`/api/products/${id}`, {
    method: 'PATCH',
    body: JSON.stringify(patch),
    headers: {
      'Content-Type': 'application/merge-patch+json',
      'If-Match': etag,
      ...(options.follow === true && { Follow: 'true' }),
    },
  });
  return { product: body, etag: headers.get('etag') ?? '' };
}

/** 412 when somebody else has saved it since. `isLast` sends it even while the page closes. */
export const deleteProduct = (product: Product, isLast = false): Promise<unknown> =>
  callApi(`/api/products/${product.id}`, {
    method: 'DELETE',
    headers: { 'If-Match': tagOf(product) },
    keepalive: isLast,
  });

export interface HistoryPage {
  readonly data: readonly ProductChange[];
  readonly page: { readonly nextCursor: string | null };
}

export const loadHistory = (id: string, signal?: AbortSignal): Promise<HistoryPage> =>
  getJson<HistoryPage>(`/api/products/${id}/history?limit=100`, signal);

/** "console:ann" is ann, "sql" is a change by hand. */
export const personOf = (changedBy: string): string =>
  changedBy === 'sql' ? 'somebody in SQL' : changedBy.replace(/^console:/, '');

/** As short as a column needs it. */
export const shortPersonOf = (changedBy: string): string =>
  changedBy === 'sql' ? 'SQL' : personOf(changedBy);

/** The tag of a version. The services check it. */
export const tagOf = (product: Pick<Product, 'version'>): string => `"${product.version}-1"`;
