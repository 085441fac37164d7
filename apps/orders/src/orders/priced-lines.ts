import {
  CatalogProblem,
  CatalogUnavailable,
  ServiceKeyError,
  type CatalogClient,
} from '@catalog/catalog-client';
import {
  callerGaveUp,
  CatalogError,
  type FieldError,
  type OrderCreate,
  type OrderItem,
  type Product,
} from '@catalog/contracts';

export interface PricedLines {
  readonly currency: string;
  readonly items: readonly OrderItem[];
  /** How long ago the oldest of the products was known to be current; undefined where all are within the bound. */
  readonly staleFor_ms: number | undefined;
}

export interface PricingOptions {
  /** Until when the customer waits, by `performance.now()`. */
  readonly until_ms: number;
  /** How old a product may be where the catalog cannot say what it is now; 0 refuses that. */
  readonly staleIfError_ms: number;
}

/**
 * The lines with what the catalog says of each product at this moment. Nothing is guessed: without the catalog it throws
 * `unavailable`, unless the caller allows what is kept here.
 *
 * @throws CatalogError `invalid_request` naming the lines, `orders_closed`, `unavailable`, `internal_error`
 */
export async function priceLines(
  catalog: CatalogClient,
  lines: OrderCreate['lines'],
  { until_ms, staleIfError_ms }: PricingOptions,
): Promise<PricedLines> {
  const left_ms = Math.ceil(until_ms - performance.now());
  if (left_ms < 1) throw callerGaveUp();
  let oldest_ms = 0;
  let isStale = false;
  const options = {
    ...(Number.isFinite(left_ms) && { timeout_ms: left_ms }),
    staleIfError_ms,
    onStale: (stale_ms: number) => {
      isStale = true;
      oldest_ms = Math.max(oldest_ms, stale_ms);
    },
  };
  const [settings, products] = await askCatalog(() =>
    Promise.all([
      catalog.settings.get(options),
      Promise.all(lines.map(({ sku }) => catalog.products.getBySku(sku, options))),
    ]),
  );
  // The catalog itself may answer from its cache while its database is away, and says so.
  if (isStale && oldest_ms >= staleIfError_ms) throw catalogIsAway(undefined);
  if (!settings.ordersEnabled) throw new CatalogError('orders_closed', 'No orders are taken at the moment.');
  const currency = products.find((product) => product !== null)?.currency ?? '';
  const errors = products.flatMap((product, line) => errorOf(product, line, currency));
  if (errors.length > 0) {
    const detail = errors
      .slice(0, 3)
      .map(({ pointer, message }) => `${pointer} ${message}`)
      .join('; ');
    throw new CatalogError('invalid_request', `The order names what cannot be ordered: ${detail}.`, {
      errors,
    });
  }
  const items = lines.flatMap(({ quantity }, line) => {
    const product = products[line];
    return product ? [itemOf(product, quantity)] : [];
  });
  return { currency, items, staleFor_ms: isStale ? oldest_ms : undefined };
}

function errorOf(product: Product | null, line: number, currency: string): FieldError[] {
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

function itemOf({ id, version, sku, name, priceMinor, weightGrams }: Product, quantity: number): OrderItem {
  return { sku, productId: id, productVersion: version, name, priceMinor, weightGrams, quantity };
}

/** Our token, our scope, our slowness, our haste: somebody puts it right, and then our caller may come back. */
const ownAffairs: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/**
 * Whatever the catalog refuses here, it refuses us: the lines were checked before, and a product that is not there is
 * no error. The customer must not be told that it was the order.
 */
async function askCatalog<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof CatalogUnavailable || error instanceof ServiceKeyError) throw catalogIsAway(error);
    if (!(error instanceof CatalogProblem)) throw error;
    if (ownAffairs.has(error.status)) throw catalogIsAway(error);
    throw new CatalogError('internal_error', 'The catalog refused what was asked of it.', { cause: error });
  }
}

function catalogIsAway(
  cause: CatalogUnavailable | CatalogProblem | ServiceKeyError | undefined,
): CatalogError {
  const retryAfter_ms = cause instanceof ServiceKeyError ? undefined : cause?.retryAfter_ms;
  return new CatalogError(
    'unavailable',
    'The catalog cannot say what the products are now; nothing was ordered.',
    {
      retryAfterSeconds: Math.max(1, (retryAfter_ms ?? 0) / 1_000),
      cause,
    },
  );
}
