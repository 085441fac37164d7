import type { LastChange } from '@catalog/contracts';
import { keepPreviousData, useQueries } from '@tanstack/react-query';
import { loadLastChanges } from '../../products/last-changes.ts';
import { inLists } from '../../products/id-lists.ts';
import type { Product } from '../../products/product.ts';

/**
 * Who made the change that a product shows, by the id of the product. A product is missing until that is known, and if its
 * history is no longer kept.
 */
export function useAuthors(products: readonly Product[]): ReadonlyMap<string, LastChange> {
  const answers = useQueries({
    queries: inLists(products).map((list) => ({
      // A new version asks again. Nothing else changes the answer.
      queryKey: ['authors', list.map(({ id, version }) => `${id} ${version}`)],
      queryFn: ({ signal }: { signal: AbortSignal }) => loadLastChanges(list, signal),
      staleTime: Number.POSITIVE_INFINITY,
      // While products change each second, each second brings another key.
      gcTime: 10_000,
      placeholderData: keepPreviousData,
      retry: false,
    })),
  });
  const shown = new Map(products.map(({ id, version }) => [id, version]));
  const changes = answers.flatMap(({ data }) => data?.data ?? []);
  return new Map(
    changes
      .filter(({ productId, version }) => shown.get(productId) === version)
      .map((change) => [change.productId, change]),
  );
}
