import { catalogIsAway, type CatalogClient, type ReadOptions } from '@catalog/catalog-client';
import type { CatalogCopy, CopiedProduct } from './catalog-copy.ts';

/** Where this service finds products: the catalog, and its copy for the time when the catalog is away. */
export interface ProductSources {
  readonly catalog: CatalogClient;
  readonly copy: Pick<CatalogCopy, 'find'>;
}

/**
 * The product that bears the SKU now. While the catalog cannot answer it comes from the copy, if the copy is young enough and no
 * `minVersion` is asked for. `onStale` then hears the age of the copy.
 *
 * @throws the errors of the catalog client
 */
export async function findProduct(
  { catalog, copy }: ProductSources,
  sku: string,
  { staleIfError_ms = 0, minVersion = 0, ...options }: ReadOptions,
): Promise<CopiedProduct | null> {
  try {
    // With a version, if only the first one, the catalog asks its database before it says that nobody has the SKU.
    return await catalog.products.getBySku(sku, { ...options, minVersion: Math.max(1, minVersion) });
  } catch (error) {
    if (!catalogIsAway(error) || minVersion > 0 || staleIfError_ms === 0) throw error;
    const found = await copy.find(sku);
    if (found === undefined || found.age_ms > staleIfError_ms) throw error;
    options.onStale?.(found.age_ms);
    return found.product;
  }
}
