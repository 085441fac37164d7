import type { IncomingMessage } from 'node:http';
import { CatalogError, REQUEST_TIMEOUT_HEADER, versionSchema, type ErrorCode } from '@catalog/contracts';
import { z } from 'zod';
import { parse } from '../validation/parse.ts';

/** A request header: how documents show it, and how it is read. A plain function reads it, because reads are frequent. */
export interface HeaderField<T> {
  readonly name: string;
  readonly description?: string;
  readonly schema: z.ZodType;
  /** @throws CatalogError `invalid_request`, or one of `errors` */
  read(req: IncomingMessage): T;
  /** What a route may answer because of this header. */
  readonly errors?: readonly ErrorCode[];
}

/** The error of a header that breaks a rule. */
export function invalidHeader(name: string, code: string, message: string): CatalogError {
  return new CatalogError('invalid_request', `${name} ${message}.`, {
    errors: [{ header: name, code, message }],
  });
}

/** A header that its schema checks. */
export function headerOf<Schema extends z.ZodType>(
  name: string,
  description: string,
  schema: Schema,
): HeaderField<z.output<Schema>> {
  const whole = z.object({ [name]: schema });
  return {
    name,
    description,
    schema,
    read: (req) =>
      parse(whole, { [name]: req.headers[name.toLowerCase()] }, 'header')[name] as z.output<Schema>,
  };
}

/**
 * When the caller gives up, by `performance.now()`; Infinity without the header.
 *
 * @throws CatalogError `invalid_request`
 */
export function waitsUntil(req: IncomingMessage): number {
  const header = req.headers[REQUEST_TIMEOUT_HEADER.toLowerCase()];
  if (header === undefined) return Number.POSITIVE_INFINITY;
  if (typeof header === 'string' && /^\d{1,9}$/.test(header)) return performance.now() + Number(header);
  throw invalidHeader(
    REQUEST_TIMEOUT_HEADER,
    'malformed',
    'must be a whole number of milliseconds, of at most 9 digits',
  );
}

export const requestTimeout: HeaderField<number> = {
  name: REQUEST_TIMEOUT_HEADER,
  description:
    'How many milliseconds the caller still waits. After that it gets a 503, and the service begins no more work for it.',
  schema: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
  read: waitsUntil,
};

/** undefined without the header. Other characters could not be stored, or not told apart. */
export const idempotencyKey: HeaderField<string | undefined> = {
  name: 'Idempotency-Key',
  description: 'Repeats of a request with the same key get the first answer.',
  schema: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/)
    .optional(),
  errors: ['idempotency_key_reused'],
  read(req) {
    const header = req.headers['idempotency-key'];
    if (header === undefined) return undefined;
    if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
    throw invalidHeader('Idempotency-Key', 'malformed', 'must be 1 to 255 visible ASCII characters');
  },
};

/** The lowest version that the caller accepts; 0 without the header. */
export const minVersion: HeaderField<number> = {
  name: 'Min-Version',
  description: 'The answer is at least of this version: send the Catalog-Version of a write to read it.',
  schema: versionSchema.optional(),
  errors: ['version_not_reached'],
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
