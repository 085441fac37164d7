export { createCatalogClient, type CatalogClient, type CatalogClientOptions } from './client.ts';
export { readServiceKey, type ServiceKey } from './auth/service-key.ts';
export type { Identity } from './auth/token-signer.ts';
export type { ChangeBatch, ChangesOptions } from './changes/changes.ts';
export {
  catalogIsAway,
  CatalogProblem,
  CatalogUnavailable,
  ChangesGone,
  ServiceKeyError,
  type ProblemCode,
  type UnavailableReason,
} from './errors.ts';
export type { CallOptions } from './transport/deadline.ts';
export type { CatalogService, ClientEvents } from './transport/transport.ts';
export type { ReadOptions } from './stale-if-error.ts';
export type {
  CreateOptions,
  ListOptions,
  NewProduct,
  ProductFilter,
  Products,
  Target,
} from './products/products.ts';
export type { StoreSettings } from './settings/store-settings.ts';
