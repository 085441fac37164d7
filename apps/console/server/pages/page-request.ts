import { CatalogError } from '@catalog/contracts';
import { readBody, requireContentType } from '@catalog/service-kit';
import type { Request, RequestHandler } from 'express';

/** True for a browser that opens a page, false for a script or program that asks for data. */
export function wantsPage(req: Request): boolean {
  return req.headers.accept?.includes('text/html') === true;
}

/** Our forms have few and short fields. */
const mostFormBytes = 8 * 1024;

/** Parses the body of a console form. */
export function formBody(): RequestHandler {
  return async (req, _res, next) => {
    requireContentType(req, ['application/x-www-form-urlencoded']);
    const fields = new Map<string, string>();
    for (const [name, value] of new URLSearchParams((await readBody(req, mostFormBytes)).toString('utf8'))) {
      if (fields.has(name))
        throw new CatalogError('malformed_request', 'The form has a field twice. Each may come once.');
      fields.set(name, value);
    }
    req.body = Object.fromEntries(fields);
    next();
  };
}
