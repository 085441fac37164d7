import { maxProductsPerAnswer } from '@catalog/contracts';
import type { RequestCost } from '@catalog/service-kit';

/** So many ids count as one request, so that a person who reads products in bulk gets a fifth of what the console gets. */
const idsOfRequest = 10;

/** catalog-read counts each id, and all people of the console have one limit there. */
export const requestCost: RequestCost = ({ query: { ids } }) =>
  typeof ids === 'string' ? Math.ceil(ids.split(',', maxProductsPerAnswer).length / idsOfRequest) : 1;
