import { CatalogError, versionSchema } from '@catalog/contracts';
import { type HeaderField, invalidHeader, requestTimeout } from '@catalog/service-kit';
import { z } from 'zod';

/** The lowest version that the caller accepts; 0 without the header. */
const minVersion: HeaderField<number> = {
  name: 'Min-Version',
  description: 'The answer is at least of this version: send the Catalog-Version of a write to read it.',
  schema: versionSchema.optional(),
  errors: ['version_not_reached', 'rate_limited'],
  read(req) {
    const header = req.headers['min-version'];
    if (header === undefined) return 0;
    const version = typeof header === 'string' && /^\d{1,16}$/.test(header) ? Number(header) : Number.NaN;
    if (Number.isSafeInteger(version)) return version;
    throw invalidHeader(
      'Min-Version',
      'invalid_version',
      'must be a version: a whole number from 0 to 9007199254740991',
    );
  },
};

export function versionNotReached(asked: number, reached: number): CatalogError {
  return new CatalogError(
    'version_not_reached',
    `Min-Version asks for version ${asked}, but Postgres holds ${reached}.`,
    { errors: [{ header: 'Min-Version', code: 'not_reached', message: `must be at most ${reached}` }] },
  );
}

const ifNoneMatch: HeaderField<string | undefined> = {
  name: 'If-None-Match',
  description: 'The answer is 304 if its ETag is listed here, or if this is "*".',
  schema: z.string().optional(),
  read: (req) => req.headers['if-none-match'],
};

/** When the caller gives up. A near hit does not wait, so the header is read at the first call, and not before. */
export const waitsUntil: HeaderField<() => number> = {
  ...requestTimeout,
  read(req) {
    let until_ms: number | undefined;
    return () => (until_ms ??= requestTimeout.read(req));
  },
};

/** For reads of several products. */
export const versionedRead = { minVersion, waitsUntil };
/** For reads of one entity. */
export const conditionalRead = { ...versionedRead, ifNoneMatch };
