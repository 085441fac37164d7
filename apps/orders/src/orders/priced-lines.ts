import type { CatalogClient } from '@catalog/catalog-client';
import {
  callerGaveUp,
  CatalogError,
  type FieldError,
  type OrderCreate,
  type OrderItem,
} from '@catalog/contracts';
import { askCatalog, unavailable } from '../catalog-copy/catalog-away.ts';
import type { CopiedProduct } from '../catalog-copy/catalog-copy.ts';
import type { ProductLookup } from '../catalog-copy/product-lookup.ts';

/** The sources of prices, and of the setting whether the store takes orders. */
export interface PriceSources {
  readonly catalog: Pick<CatalogClient, 'settings'>;
  readonly products: ProductLookup;
}

export interface PricedLines {
  readonly currency: string;
  readonly items: readonly OrderItem[];
  /** The time since the oldest of the products was known to be current. undefined when all are within the bound. */
  readonly staleFor_ms: number | undefined;
}

export interface PricingOptions {
  /** `callerKey` of the request. */
  readonly caller: string;
  /** When the customer stops waiting, by `performance.now()`. */
  readonly until_ms: number;
  /** How old a product may be while the catalog cannot answer. 0 accepts no such product. */
  readonly staleIfError_ms: number;
  /** The version of a write that the products must show; 0 for any. */
  readonly minVersion: number;
}

/**
 * Adds to each line the current name, price and weight from the catalog. While the catalog cannot answer, it throws
 * `unavailable`, unless the caller accepts products from the copy.
 *
 * @throws CatalogError `invalid_request` with the lines, `orders_closed`, `version_not_reached`, `rate_limited`, `unavailable`,
 *   `internal_error`
 */
export async function priceLines(
  { catalog, products: lookup }: PriceSources,
  lines: OrderCreate['lines'],
  { caller, until_ms, staleIfError_ms, minVersion }: PricingOptions,
): Promise<PricedLines> {
  const left_ms = Math.ceil(until_ms - performance.now());
  if (left_ms < 1) throw callerGaveUp();
  let oldest_ms = 0;
  let isStale = false;
  const options = {
    staleIfError_ms,
    onStale: (stale_ms: number) => {
      isStale = true;
      oldest_ms = Math.max(oldest_ms, stale_ms);
    },
  };
  const [settings, products] = await askCatalog(() =>
    Promise.all([
      catalog.settings.get({ ...options, ...(Number.isFinite(left_ms) && { timeout_ms: left_ms }) }),
      lookup.findAll(
        lines.map(({ sku }) => sku),
        { ...options, caller, until_ms, minVersion },
      ),
    ]),
  );
  // While its database is away, the catalog itself answers from its cache and marks the answer as stale.
  if (isStale && oldest_ms >= staleIfError_ms) throw unavailable(undefined);
  if (!settings.ordersEnabled)
    throw new CatalogError('orders_closed', 'The store takes no orders at the moment.');
  const currency = products.find((product) => product !== null)?.currency ?? '';
  const errors = products.flatMap((product, line) => errorOf(product, line, currency));
  if (errors.length > 0) {
    const detail = errors
      .slice(0, 3)
      .map(({ pointer, message }) => `${pointer} ${message}`)
      .join('; ');
    throw new CatalogError('invalid_request', `Some lines cannot be ordered: ${detail}.`, {
      errors,
    });
  }
  const items = lines.flatMap(({ quantity }, line) => {
    const product = products[line];
    return product ? [itemOf(product, quantity)] : [];
  });
  return { currency, items, staleFor_ms: isStale ? oldest_ms : undefined };
}

function errorOf(product: CopiedProduct | null, line: number, currency: string): FieldError[] {
  const pointer = `/lines/${line}/sku`;
  if (product === null) return [{ pointer, code: 'unknown', message: 'is the SKU of no product' }];
  if (product.status !== 'active')
    return [{ pointer, code: 'not_for_sale', message: `is ${product.status}` }];
  if (product.currency !== currency) {
    return [
      { pointer, code: 'other_currency', message: `is sold in ${product.currency}, not in ${currency}` },
    ];
  }
  return [];
}

function itemOf(
  { id, version, sku, name, priceMinor, weightGrams }: CopiedProduct,
  quantity: number,
): OrderItem {
  return { sku, productId: id, productVersion: version, name, priceMinor, weightGrams, quantity };
}
