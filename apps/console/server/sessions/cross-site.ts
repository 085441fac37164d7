import { CatalogError } from '@catalog/contracts';
import type { RequestHandler } from 'express';
import { isLoopback } from './origin.ts';

const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses what another site makes a browser send (ASVS 3.5.1). A browser says where a request comes from,
 * in `Sec-Fetch-Site` (since 2023 all of them) or `Origin` (on POST, for much longer); where neither stands,
 * no browser sent it, and no cookie came along by itself. `SameSite=Strict` is the second wall.
 */
export function refuseCrossSite(origin: string): RequestHandler {
  const own = originsOf(origin);
  return (req, _res, next) => {
    if (safeMethods.has(req.method)) {
      next();
      return;
    }
    const site = req.headers['sec-fetch-site'];
    const from = req.headers.origin;
    const foreignSite = site !== undefined && site !== 'same-origin' && site !== 'none';
    if (foreignSite || (from !== undefined && !own.has(from)))
      next(new CatalogError('forbidden', `Changes are taken only from pages of ${origin} itself.`));
    else next();
  };
}

/** On this machine, the same console has three names. */
function originsOf(origin: string): Set<string> {
  const { protocol, hostname, port } = new URL(origin);
  if (!isLoopback(hostname)) return new Set([origin]);
  const suffix = port === '' ? '' : `:${port}`;
  return new Set([
    origin,
    ...['127.0.0.1', 'localhost', '[::1]'].map((name) => `${protocol}//${name}${suffix}`),
  ]);
}
