import type { StockList } from '@catalog/contracts';
import { useQueries } from '@tanstack/react-query';
import { getJson } from '../../http/api.ts';
import type { Product } from '../../products/product.ts';

/** The most products in one call. */
const atOnce = 100;

/** Pieces on hand, by the id of the product: 0 if none was ever received. A product is missing until its stock is known. */
export function useStock(products: readonly Product[]): ReadonlyMap<string, number> {
  const ids = products.map(({ id }) => id);
  const parts = Array.from({ length: Math.ceil(ids.length / atOnce) }, (_, index) =>
    ids.slice(index * atOnce, (index + 1) * atOnce),
  );
  const answers = useQueries({
    queries: parts.map((part) => ({
      queryKey: ['stock of products', part],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        getJson<StockList>(`/api/stock?productIds=${part.join(',')}`, signal),
      staleTime: 10_000,
    })),
  });
  const stock = new Map<string, number>();
  for (const [index, { data }] of answers.entries()) {
    if (data === undefined) continue;
    for (const id of parts[index] ?? []) stock.set(id, 0);
    for (const { productId, onHand } of data.data) stock.set(productId, onHand);
  }
  return stock;
}
