import { CatalogError } from '@catalog/contracts';
import { type HeaderField, minVersion as minVersionField, requestTimeout } from '@catalog/service-kit';
import { z } from 'zod';

const minVersion: HeaderField<number> = {
  ...minVersionField,
  errors: ['version_not_reached', 'rate_limited'],
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
