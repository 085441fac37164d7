import { CatalogError } from '@catalog/contracts';

/** Undefined without the header. Throws `invalid_request` for a key that could not be stored or told apart. */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (/^[\x21-\x7e]{1,255}$/.test(header)) return header;
  const message = 'must be 1 to 255 visible ASCII characters';
  throw new CatalogError('invalid_request', `Idempotency-Key ${message}.`, {
    errors: [{ header: 'Idempotency-Key', code: 'malformed', message }],
  });
}
