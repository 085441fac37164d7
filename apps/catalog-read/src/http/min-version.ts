import { CatalogError } from '@catalog/contracts';
import type { Request } from 'express';

/** The header `Min-Version`; 0 where there is none. */
export function minVersionOf(req: Request): number {
  const header = req.headers['min-version'];
  if (header === undefined) return 0;
  const version = typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
  if (Number.isSafeInteger(version)) return version;
  const message = 'must be a version: a whole number from 0 to 9007199254740991';
  throw new CatalogError('invalid_request', `Min-Version ${message}.`, {
    errors: [{ header: 'Min-Version', code: 'invalid_version', message }],
  });
}

export function versionNotReached(asked: number, there: number): CatalogError {
  return new CatalogError('version_not_reached', `Version ${asked} was asked for; Postgres holds ${there}.`, {
    errors: [{ header: 'Min-Version', code: 'not_reached', message: `must be at most ${there}` }],
  });
}
