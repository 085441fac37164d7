import type { FollowedChange, Product } from '@catalog/contracts';
import {
  type ChangesPage,
  type ChangesStart,
  jsonBytes,
  loadProducts,
  PageRoom,
  type Pool,
  readChanges,
  readCursor,
} from '@catalog/database';

/** Products that one query reads. If all have the largest size, they take 2.3 MB, and only the first ones fit on the page. */
const productsInQuery = 20;

export interface FollowedPage extends Omit<ChangesPage, 'changes'> {
  readonly changes: readonly FollowedChange[];
}

/**
 * A page of changes as followers see it. It ends before it is larger than `maxPage_bytes`, but has at least one
 * change where there is any.
 *
 * @throws CatalogError `changes_gone`
 */
export async function readFollowedPage(
  pool: Pool,
  start: ChangesStart,
  limit: number,
  { withProducts }: { readonly withProducts: boolean },
): Promise<FollowedPage> {
  const page = await readChanges(pool, start, limit);
  const keys = page.changes.map(({ key }) => key);
  const products = new Map<string, Product | null>();
  const changes: FollowedChange[] = [];
  const room = new PageRoom();
  for (const [index, change] of page.changes.entries()) {
    if (withProducts && !products.has(change.key)) await addProducts(pool, keys.slice(index), products);
    const followed = {
      ...change,
      entity: 'product' as const,
      changedFields: [...change.changedFields],
      ...(withProducts && { product: products.get(change.key) ?? null }),
    };
    const last = changes.at(-1);
    if (!room.takes(jsonBytes(followed)) && last !== undefined)
      return { changes, next: readCursor(last.cursor, { parameter: 'after' }), hasMore: true };
    changes.push(followed);
  }
  return { ...page, changes };
}

/** Reads the next products that are not loaded yet. A product with several changes is read once. */
async function addProducts(
  pool: Pool,
  keys: readonly string[],
  products: Map<string, Product | null>,
): Promise<void> {
  const next = [...new Set(keys)].filter((key) => !products.has(key)).slice(0, productsInQuery);
  const loaded = await loadProducts(pool, next);
  for (const key of next) products.set(key, loaded.get(key)?.body ?? null);
}
