import { CatalogError } from '@catalog/contracts';
import type { RequestHandler } from 'express';
import { ownOrigins } from './origin.ts';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses changes that another site makes a browser send (ASVS 3.5.1). A browser says where a request comes from, in
 * `Sec-Fetch-Site` (all of them since 2023) or `Origin` (on POST, for much longer). A request with neither does not come
 * from a browser, so no cookie was added by itself. `SameSite=Strict` is the second defence.
 */
export function refuseCrossSite(origin: string): RequestHandler {
  const own = ownOrigins(origin);
  return (req, _res, next) => {
    if (safeMethods.has(req.method)) {
      next();
      return;
    }
    const site = req.headers['sec-fetch-site'];
    const from = req.headers.origin;
    const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
    if (foreignSite || (from !== undefined && !own.has(from)))
      next(
        new CatalogError('forbidden', `The console accepts changes only from its own pages at ${origin}.`),
      );
    else next();
  };
}
