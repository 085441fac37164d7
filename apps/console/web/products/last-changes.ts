import type { LastChange } from '@catalog/contracts';
import { getJson } from '../http/api.ts';

/** The last change of each product that still exists, of 100 products at most. */
export const loadLastChanges = (
  products: readonly { readonly id: string }[],
  signal?: AbortSignal,
): Promise<{ readonly data: readonly LastChange[] }> =>
  getJson(`/api/products/last-changes?ids=${products.map(({ id }) => id).join(',')}`, signal);
