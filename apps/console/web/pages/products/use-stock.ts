import type { StockList } from '@catalog/contracts';
import { useQueries } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';
import { inLists } from '../../products/id-lists.ts';
import type { Product } from '../../products/product.ts';

/** Pieces on hand, by the id of the product: 0 if none was ever received. A product is missing until its stock is known. */
export function useStock(products: readonly Product[]): ReadonlyMap<string, number> {
  const lists = inLists(products).map((list) => list.map(({ id }) => id));
  const answers = useQueries({
    queries: lists.map((ids) => ({
      queryKey: ['stock of products', ids],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        getJson<StockList>(`/api/stock?productIds=${ids.join(',')}`, signal),
      staleTime: 10_000,
    })),
  });
  const stock = new Map<string, number>();
  for (const [index, { data }] of answers.entries()) {
    if (data === undefined) continue;
    for (const id of lists[index] ?? []) stock.set(id, 0);
    for (const { productId, onHand } of data.data) stock.set(productId, onHand);
  }
  return stock;
}
