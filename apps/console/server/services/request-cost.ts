import { maxProductsPerAnswer } from '@catalog/contracts';
import type { RequestCost } from '@catalog/service-kit';
import { viewsToFindReaders } from '../follow/reader-probe.ts';

/** So many ids count as one request, so that a person who reads products in bulk gets a fifth of what the console gets. */
const idsOfRequest = 10;

/**
 * catalog-read counts each id and each view of a key, and all people of the console have one limit there. To find the readers,
 * the console views a key several times.
 */
export const requestCost: RequestCost = ({ path, headers, query: { ids } }) => {
  // The router takes an address with a slash behind it, too.
  if (/\/readers\/?$/.test(path) || headers['follow'] === 'true') return viewsToFindReaders;
  return typeof ids === 'string' ? Math.ceil(ids.split(',', maxProductsPerAnswer).length / idsOfRequest) : 1;
};
