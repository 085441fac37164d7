import {
  catalogIsAway,
  CatalogProblem,
  type CatalogUnavailable,
  ServiceKeyError,
} from '@catalog/catalog-client';
import { CatalogError } from '@catalog/contracts';

/** Temporary faults of this service: its token, its scope, its slowness, its request rate. The caller may try again. */
const temporaryFaults: ReadonlySet<number> = new Set([401, 403, 408, 429]);

/**
 * An error of the catalog is never the fault of the customer: the lines were checked before, and a missing product is not
 * an error. So the customer gets 503 or 500, but not the error of the catalog.
 */
export async function askCatalog<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (catalogIsAway(error) || error instanceof ServiceKeyError) throw unavailable(error);
    if (!(error instanceof CatalogProblem)) throw error;
    // Only the caller can name a version that the catalog does not have.
    if (error.code === 'version_not_reached') {
      const message = 'must be the Catalog-Version of a write to this catalog';
      const errors = [{ header: 'Min-Version', code: 'not_reached', message }];
      throw new CatalogError('version_not_reached', `Min-Version ${message}.`, { errors, cause: error });
    }
    if (temporaryFaults.has(error.status)) throw unavailable(error);
    throw new CatalogError('internal_error', 'The catalog refused the request of this service.', {
      cause: error,
    });
  }
}

/** The answer to the customer while the catalog is away. */
export function unavailable(
  cause: CatalogUnavailable | CatalogProblem | ServiceKeyError | undefined,
): CatalogError {
  const retryAfter_ms = cause instanceof ServiceKeyError ? undefined : cause?.retryAfter_ms;
  return new CatalogError(
    'unavailable',
    'The catalog does not answer, so its products are unknown now. Nothing was changed.',
    {
      retryAfterSeconds: Math.max(1, (retryAfter_ms ?? 0) / 1_000),
      cause,
    },
  );
}
